"""`jubako gc`: what goes, what stays, and what is asked before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from jubako.bentos import export_bento
from jubako.contracts.store import StoreKind
from jubako.models import create
from jubako.models.trusted import find_unneeded_trust
from jubako.plugins import compose
from jubako.serving.environments.cache import Environments
from jubako.settings import PluginSettings, Settings, StoreSettings
from jubako.stores.local import LocalStore
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag
from jubako.workspace import open_workspace, using_workspace


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def stores(home):
    stores = {kind: LocalStore(home, kind) for kind in StoreKind}
    for store in stores.values():
        for version in ("v1", "v2", "v3"):
            tag = Tag("iris", version)
            with store.draft(tag) as folder:
                write_version(folder, store.kind, tag, datetime(2026, 1, 1, tzinfo=UTC), {"weights": b"w" * 1000})
    return stores


@pytest.fixture
def debris(stores, home):
    """What a killed deletion of a model has left."""
    trash = home / "models/.trash-0123456789abcdef"
    trash.mkdir()
    (trash / "weights").write_bytes(b"w" * 5000)
    return trash


def tags(stores):
    return {kind.value: [str(tag) for tag in store.list()] for kind, store in stores.items()}


ALL = {"models": ["iris:v1", "iris:v2", "iris:v3"], "bentos": ["iris:v1", "iris:v2", "iris:v3"]}


def test_where_there_is_nothing_nothing_is_removed_or_made(jubako, home):
    done = jubako("gc")
    assert (done.exit_code, done.stdout) == (0, "Nothing to remove.\n")
    assert not home.exists()


def test_a_dry_run_shows_what_would_go(jubako, stores, debris):
    done = jubako("gc", "--dry-run", "--keep", "2")
    assert done.exit_code == 0, done.stderr
    assert "deleted version" in done.stdout
    assert str(debris) in done.stdout
    assert "old model iris:v1" in done.stdout
    assert "old Bento iris:v1" in done.stdout
    assert "Would give back 7." in done.stdout
    assert debris.exists()
    assert tags(stores) == ALL


def test_debris_goes_without_asking_and_versions_stay(jubako, stores, debris):
    done = jubako("gc", "--json")
    assert json.loads(done.stdout) == {
        "dry_run": False,
        "size_bytes": 5000,
        "removed": [{"what": "deleted version", "size_bytes": 5000, "path": str(debris)}],
    }
    assert not debris.exists()
    assert tags(stores) == ALL
    assert jubako("gc", "-q").stdout == ""


def test_old_versions_go_only_after_asking(jubako, stores, debris):
    done = jubako("gc", "--keep", "2")
    assert done.exit_code == 2
    assert "  model iris:v1\n  Bento iris:v1\n" in done.stderr
    assert "Delete 1 model and 1 Bento?" in done.stderr
    assert tags(stores) == ALL
    assert debris.exists()
    assert jubako("gc", "--keep", "2", "--yes").exit_code == 0
    assert tags(stores) == {"models": ["iris:v2", "iris:v3"], "bentos": ["iris:v2", "iris:v3"]}
    done = jubako("gc", "--keep", "1", "--only", "bentos", "--yes", "-q")
    assert done.stdout == f"{stores[StoreKind.BENTOS].home / 'bentos/iris/v2'}\n"
    assert tags(stores) == {"models": ["iris:v2", "iris:v3"], "bentos": ["iris:v3"]}


@pytest.mark.parametrize("words", [("--keep", "0"), ("--unused-days", "-1"), ("--only", "trust")])
def test_what_no_retention_is_is_refused(words, jubako, stores):
    assert jubako("gc", *words, "-y").exit_code == 2
    assert tags(stores) == ALL


@pytest.mark.skipif(os.name == "nt", reason="environments are kept on POSIX systems")
def test_an_environment_that_was_not_used_for_long_goes(jubako, home):
    environments = Environments(home)

    def make(folder):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin/python").write_bytes(b"p" * 100)

    folder, used = environments.open("0" * 32, "iris:v1", make, lambda: None)
    os.utime(folder.parent / "current", (0, 0))
    assert jubako("gc").stdout == "Nothing to remove.\n"  # a server runs in it
    os.close(used)
    assert jubako("gc", "--only", "models").stdout == "Nothing to remove.\n"
    done = jubako("gc")
    assert "environment of Bento iris:v1, unused for " in done.stdout
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="what a process has open is not known there")
def test_an_unpacked_archive_that_was_not_used_for_long_goes(jubako, home, tmp_path):
    store = LocalStore(tmp_path / "elsewhere", StoreKind.BENTOS)
    with store.draft(Tag("toy", "v1")) as folder:
        write_version(folder, store.kind, Tag("toy", "v1"), datetime(2026, 1, 1, tzinfo=UTC), {"src/toy.py": b"svc"})
    archive = export_bento("toy:v1", f"{tmp_path}/", _bento_store=store)
    opening = (
        "import sys; from pathlib import Path; from jubako.services.archived import open_archive;"
        "from jubako.workspace import current_workspace;"
        f"open_archive(Path({str(archive)!r}), current_workspace()); print('open', flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "JUBAKO_HOME": str(home), "JUBAKO_PLUGINS": ""}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", opening], env=environment, **pipes) as process:
        assert process.stdout.readline() == "open\n"
        (place,) = (home / ".store/archives").iterdir()
        os.utime(place / "in-use", (0, 0))
        assert jubako("gc").stdout == "Nothing to remove.\n"  # that process has it open
        process.communicate()
    done = jubako("gc")
    assert "unpacked archive of Bento toy:v1, unused for " in done.stdout
    assert list((home / ".store/archives").iterdir()) == []


def test_trust_that_no_model_needs_is_forgotten_if_that_is_asked_for(jubako, home):
    workspace = open_workspace(Settings(stores=StoreSettings(home=home)), compose(PluginSettings(allow=())))
    with using_workspace(workspace):
        for name in ("kept", "gone"):
            with create(name, custom_objects={"more": 1}) as draft:
                draft.path_of("weights").write_bytes(name.encode())
        kept, gone = (entry.digest for entry in workspace.trust.entries())
        workspace.model_store.delete(workspace.model_store.resolve(Tag("gone")))
        # A model that is being saved is trusted before it is there.
        with create("new", custom_objects={"more": 2}) as draft:
            draft.path_of("weights").write_bytes(b"new")
            assert find_unneeded_trust(workspace) == []
        assert jubako("gc").stdout == "Nothing to remove.\n"
        (row,) = json.loads(jubako("gc", "--trust", "--json").stdout)["removed"]
        assert row["path"] == gone
        assert row["what"].startswith("trust in gone:")
        assert gone not in [entry.digest for entry in workspace.trust.entries()]
        assert kept in [entry.digest for entry in workspace.trust.entries()]


def test_a_store_elsewhere_is_left_alone(jubako, stores, debris, site):
    site.install_plugin(
        "far_store",
        "import jubako\n"
        "from jubako.contracts.offers import StoreType\n"
        "class Far:\n"
        "    def __init__(self, url, kind): self.url, self.kind = url, kind\n"
        "@jubako.hookimpl\n"
        "def jubako_register_store_types():\n"
        "    yield StoreType(name='far', summary='Far away.', open_store='jubako_far_store:Far')\n",
    )
    done = jubako("gc", JUBAKO_MODEL_STORE="far://away", JUBAKO_PLUGINS="far_store")
    assert done.exit_code == 0, done.stderr
    assert "Note: far://away is not on this machine, and left alone." in done.stderr
    assert debris.exists()
