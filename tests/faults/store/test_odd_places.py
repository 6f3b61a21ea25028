"""Homes that are read-only, somebody else's, open to all, reached by links, or have names that few expect."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import warnings

import attrs
import pytest

import jubako
import jubako.bentos
import jubako.models
from jubako.contracts.store import StoreKind
from jubako.errors import JubakoError, ModelNotTrusted, StoreError
from jubako.models import load_object, save_object
from jubako.stores.digests import digest_folder
from jubako.stores.local import LocalStore
from jubako.stores.manifests import write_model_info
from jubako.testing.serializer_tests import pickles_that_create
from jubako.values.tag import Tag
from tests.faults.store import homes
from tests.faults.store.test_disk_errors import a_disk
from tests.faults.watched import Request

STRANGER = 65534
as_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root becomes somebody else")


@contextlib.contextmanager
def acting_as(user):
    """Be somebody else for the system's checks."""
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


def open_to_all(*folders):
    """Let everybody come to a folder of pytest's, which only its owner can otherwise."""
    for folder in folders:
        for parent in (folder, *folder.parents[:-2]):
            if parent.stat().st_uid == os.geteuid():
                parent.chmod(stat.S_IMODE(parent.stat().st_mode) | 0o055)


@pytest.fixture
def disk(tmp_path):
    with a_disk(tmp_path / "disk", "size=4m") as place:
        yield place


@pytest.mark.row("odd-places")
@as_root
def test_a_read_only_store_is_served_and_a_save_says_why(disk, tmp_path, serve, figures):
    home = disk / "home"
    homes.make_home(home, tmp_path / "context")
    held = homes.read(home)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert homes.read(home) == held
    with homes.using(home):
        for change in (
            lambda: homes.save("new"),
            lambda: jubako.models.delete("iris"),
            lambda: jubako.bentos.build("service.py:svc", build_ctx=tmp_path / "context"),
        ):
            with pytest.raises(StoreError, match=r"(?s)Read-only file system.*set JUBAKO_HOME"):
                change()
    served = serve(tmp_path, "echo", good=Request("/echo", '"hello"'), JUBAKO_HOME=str(home))
    served.wait_until_ready()
    assert homes.read(home) == held
    figures(**{"read-only: served": "yes", "saves, deletes and builds that say why": "3 of 3"})


@pytest.mark.row("odd-places")
@pytest.mark.quick
@as_root
def test_a_home_of_another_user_is_read_and_a_save_says_why(tmp_path):
    homes.make_home(tmp_path / "home", tmp_path / "context")
    held = homes.read(tmp_path / "home")
    open_to_all(tmp_path / "home")
    with homes.using(tmp_path / "home") as workspace, acting_as(STRANGER):
        assert {model.tag for model in jubako.models.list()} == set(held.models)
        assert jubako.models.get("iris").tag == held.latest
        jubako.models.get("iris").verify_object_files()
        assert jubako.load("echo").name == "echo"
        # Trusted by whoever owns the home, not by this user.
        with pytest.raises(JubakoError, match="trust"):
            assert jubako.models.get("iris").custom_objects
        for change in (
            lambda: save_empty(workspace.model_store),
            lambda: save_empty(workspace.bento_store),
            lambda: jubako.models.delete("iris"),
            lambda: jubako.bentos.delete("echo"),
        ):
            with pytest.raises(StoreError, match=r"(?s)Permission denied.*set JUBAKO_HOME"):
                change()
    assert homes.read(tmp_path / "home") == held


def save_empty(store):
    with store.draft(Tag("iris", "v1")):
        pytest.fail("the block must not run")


@pytest.mark.row("odd-places")
@pytest.mark.quick
@as_root
def test_in_a_home_open_to_all_a_stranger_plants_nothing_that_runs(tmp_path, figures):
    home, canary = tmp_path / "home", tmp_path / "canary"
    with homes.using(home), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "model .* is stored as cloudpickle")
        tag = save_object("code", {"answer": {42}}, module="toy", serializers=("cloudpickle",))
        model = jubako.models.get(tag)
        open_to_all(home)
        for path in [home, *home.rglob("*")]:
            if path.is_dir():
                path.chmod(0o777)
        tried = 0
        for pickled in pickles_that_create(canary):
            with acting_as(STRANGER):
                for name in ("object.pkl", "model.yaml"):
                    (model.path / name).unlink()
                (model.path / "object.pkl").write_bytes(pickled)
                info = attrs.evolve(model.info, files=digest_folder(model.path))
                write_model_info(model.path, info)
                (home / ".store/trust").unlink()
                (home / ".store/trust").write_text(f"{info.digest} trust me\n")
                (home / ".store/trust").chmod(0o600)
            tried += 1
            with pytest.raises((ModelNotTrusted, StoreError), match="trust"):
                load_object(tag, module="toy")
    assert not canary.exists()
    figures(**{"pickles planted by a stranger": tried, "that ran": 0})


@pytest.mark.row("odd-places")
@pytest.mark.quick
@pytest.mark.parametrize("linked", ["home", "home/models", "home/bentos", "home/.store"])
def test_a_home_or_a_folder_of_kinds_may_be_a_link(linked, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / linked).parent.mkdir(exist_ok=True)
    (tmp_path / linked).symlink_to(elsewhere)
    homes.make_home(tmp_path / "home", tmp_path / "context")
    assert len(homes.read(tmp_path / "home").models) == 2
    homes.save_again(tmp_path / "home")
    assert homes.debris(tmp_path / "home") == set()
    assert (tmp_path / linked).is_symlink()
    assert any(elsewhere.iterdir())


NAMES = {
    "no space": "nospace",
    "spaces": "with  two spaces ",
    "unicode": "größe-模型-\U0001f9ea",
    "decomposed": "gro\u0308\u00dfe",
    "quotes": 'it\'s "quoted" $(id) `id` %2e%2e #?&',
    "line feed": "a\nb",
    "255 bytes": "ä" * 127 + "x",
    "no UTF-8": os.fsdecode(b"\xff\xfe latin"),
}


@pytest.mark.row("odd-places")
@pytest.mark.quick
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_home_may_have_any_name(name, tmp_path):
    homes.make_home(tmp_path / name, tmp_path / "context")
    held = homes.read(tmp_path / name)
    assert len(held.models) == 2
    assert len(held.bentos) == 1
    homes.save_again(tmp_path / name)
    assert homes.debris(tmp_path / name) == set()


@pytest.mark.row("odd-places")
@pytest.mark.quick
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
@pytest.mark.parametrize("kind", NAMES)
def test_a_file_of_a_model_or_a_bento_may_have_any_name_that_can_be_written_down(kind, tmp_path):
    homes.make_home(tmp_path / "home", tmp_path / "context")
    name, is_refused = NAMES[kind], kind in ("line feed", "no UTF-8")
    (tmp_path / "context" / name).write_bytes(b"1")

    def save():
        with jubako.models.create("odd") as draft:
            draft.path_of(name).write_bytes(b"1")
        model = jubako.models.get("odd")
        model.verify_object_files()
        return [entry.path for entry in model.info.files]

    def build():
        bento = jubako.bentos.build("service.py:svc", build_ctx=tmp_path / "context")
        return [entry.path.removeprefix("src/") for entry in bento.info.files]

    with homes.using(tmp_path / "home"):
        held = homes.read(tmp_path / "home")
        for store in (save, build):
            if is_refused:
                with pytest.raises(JubakoError, match=r"cannot|is not"):
                    store()
            else:
                assert name in store()
        assert not is_refused or homes.read(tmp_path / "home") == held


@pytest.mark.row("odd-places")
@pytest.mark.quick
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other limits")
def test_a_place_that_is_too_long_for_the_system_is_named(tmp_path):
    store = LocalStore(tmp_path.joinpath(*["long" * 60] * 20), StoreKind.MODELS)
    for use in (store.list, lambda: store.resolve(Tag("iris")), lambda: store.delete(Tag("iris", "v1"))):
        with pytest.raises(StoreError, match="File name too long"):
            use()
    with pytest.raises(StoreError, match="File name too long"), store.draft(Tag("iris", "v1")):
        pytest.fail("the block must not run")


@pytest.mark.row("odd-places")
@pytest.mark.quick
def test_names_that_differ_in_case_are_one_name(tmp_path):
    with homes.using(tmp_path / "home"):
        with pytest.warns(UserWarning, match="stored in lower case"), jubako.models.create("IRIS") as draft:
            draft.path_of("weights.bin").write_text("1")
        assert jubako.models.get("iris").tag == draft.tag
        with pytest.warns(UserWarning, match="stored in lower case"):
            assert jubako.models.get(str(draft.tag).upper()).tag == draft.tag
        assert [path.name for path in (tmp_path / "home/models").iterdir()] == ["iris"]
