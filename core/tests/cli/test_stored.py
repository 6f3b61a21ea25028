"""`list`, `get`, `delete` and `verify`, for models and Bentos: what they show, what they refuse, what they leave."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from jubako.contracts.store import StoreKind
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_info, write_bento_info, write_model_info
from jubako.testing.store_tests import write_version
from jubako.values.bento import BentoInfo, BentoModel
from jubako.values.model import ModelContext, ModelInfo
from jubako.values.tag import Tag

DAY = datetime(2026, 1, 1, tzinfo=UTC)
GROUPS = {StoreKind.MODELS: ("models",), StoreKind.BENTOS: ()}


@pytest.fixture(params=list(StoreKind), ids=lambda kind: str(kind.value))
def store(request, tmp_path):
    return LocalStore(tmp_path / "home", request.param)


@pytest.fixture
def command(jubako, store):
    """Run a command for what the store keeps: `jubako list`, or `jubako models list`."""

    def run(*arguments, **environment):
        return jubako(*GROUPS[store.kind], *arguments, **environment)

    return run


def save(store, text, *, days=0, labels=None, content=b"w" * 1500, models=()):
    tag = Tag.from_str(text)
    created = DAY + timedelta(days=days)
    with store.draft(tag) as folder:
        write_version(folder, store.kind, tag, created, {"weights.bin": content})
        info = read_info(folder, store.kind)
        (folder / store.kind.manifest_name).unlink()
        if isinstance(info, ModelInfo):
            context = ModelContext("1.0", "3.11.7", framework_versions={"numpy": "2.0"})
            write_model_info(
                folder,
                ModelInfo(tag, "toy", "json", created, context, labels=labels or {}, files=info.files),
            )
        else:
            packed = tuple(BentoModel(Tag.from_str(model), "toy", "sha256:0", created) for model in models)
            write_bento_info(
                folder, BentoInfo("service:svc", tag, "1.0", created, labels or {}, packed, files=info.files)
            )
    return store.layout.place(tag)


def overwrite(path, content):
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(0o400)


# list


def test_the_newest_stand_first_and_everything_can_be_had_as_data(command, store):
    save(store, "iris-2.0:v1", labels={"stage": "prod"})
    path = save(store, "iris-2.0:v2", days=1, labels={"stage": "test", "team": "a"})
    save(store, "scaler_x:v1", days=2)
    done = command("list", TZ="UTC")
    assert done.exit_code == 0, done.stderr
    headings, *rows = [line.split() for line in done.stdout.splitlines()]
    assert headings == ["TAG", "MODULE" if store.kind is StoreKind.MODELS else "SERVICE", "SIZE", "CREATED", "PATH"]
    assert [row[0] for row in rows] == ["scaler_x:v1", "iris-2.0:v2", "iris-2.0:v1"]
    assert rows[1][2:4] == ["1.5", "kB"]
    assert rows[1][-1] == str(path)
    data = json.loads(command("list", "iris-2.0", "--json").stdout)
    key, source = ("module", "toy") if store.kind is StoreKind.MODELS else ("service", "service:svc")
    assert data[0] == {
        "tag": "iris-2.0:v2",
        key: source,
        "size_bytes": 1500,
        "creation_time": "2026-01-02T00:00:00+00:00",
        "labels": {"stage": "test", "team": "a"},
        "path": str(path),
    }
    assert yaml.safe_load(command("list", "iris-2.0", "-o", "yaml").stdout) == data
    assert command("list", "iris-2.0:latest", "-o", "path").stdout == f"{path}\n"


def test_a_list_is_sorted_by_tag_filtered_by_labels_and_cut_to_tags(command, store):
    save(store, "iris:v1", labels={"stage": "prod", "team": ""})
    save(store, "iris:v2", days=1, labels={"stage": "test"})
    save(store, "scaler:v1", days=2)
    assert command("list", "-q").stdout == "scaler:v1\niris:v2\niris:v1\n"
    assert command("list", "-q", "--sort", "tag").stdout == "iris:v1\niris:v2\nscaler:v1\n"
    assert command("list", "-q", "--label", "stage").stdout == "iris:v2\niris:v1\n"
    assert command("list", "-q", "--label", "stage=prod", "--label", "team=").stdout == "iris:v1\n"
    assert command("list", "-q", "--label", "stage=none").stdout == ""
    assert command("list", "--sort", "size").exit_code == 2


def test_an_empty_store_lists_nothing_and_says_so_beside_the_answer(command, store):
    done = command("list", "--json")
    assert (done.exit_code, done.stdout) == (0, "[]\n")
    assert f"There are no {store.kind.noun}s in {store.url}." in done.stderr
    done = command("verify")
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"There are no {store.kind.noun}s in {store.url}." in done.stderr


@pytest.mark.parametrize("tag", ["other", "iris:other"])
def test_what_is_not_there_is_an_error_with_what_is(tag, command, store):
    save(store, "iris:v1")
    done = command("list", tag)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"there is no {store.kind.noun} {tag}." in done.stderr
    assert "It has iris" in done.stderr


@pytest.mark.parametrize(
    "content", [b"", b"[", b"a: &a [b]\nc: *a", b"- " * 5_000_000], ids=lambda text: str(len(text))
)
def test_one_broken_version_does_not_hide_the_others(content, command, store):
    broken = save(store, "broken:v1")
    save(store, "iris:v1")
    overwrite(broken / store.kind.manifest_name, content)
    done = command("list")
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["TAG", "iris:v1"]
    assert done.stderr.count("\n") == 1
    assert f"Warning: {store.kind.noun} broken:v1 cannot be read: {broken / store.kind.manifest_name}" in done.stderr
    good, bad = json.loads(command("list", "--json").stdout)
    assert good["tag"] == "iris:v1"
    assert bad["tag"] == "broken:v1"
    assert str(broken) in bad["error"]
    # It can be deleted all the same.
    assert command("delete", "broken", "-y").stdout == "deleted broken:v1\n"


def test_junk_and_links_in_a_store_are_no_versions(command, store, tmp_path):
    outside = LocalStore(tmp_path / "outside", store.kind)
    planted = save(outside, "iris:v9")
    save(store, "iris:v1")
    (store.layout.root / "iris/v9").symlink_to(planted)
    (store.layout.root / "other").symlink_to(planted.parent)
    (store.layout.root / "notes.txt").write_text("mine")
    (store.layout.root / "\u202e\x1b[31mred").mkdir()
    assert command("list", "-q").stdout == "iris:v1\n"
    for tag in ("iris:v9", "other:v9", "other"):
        for words in (("get", tag), ("delete", tag, "-y"), ("verify", tag)):
            done = command(*words)
            assert done.exit_code == 1, words
            assert "is a link" in done.stderr or "there is no" in done.stderr, done.stderr
    done = command("verify")
    assert done.exit_code == 0
    assert "iris/v9 is no" in done.stderr
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr
    assert (planted / "weights.bin").read_bytes() == b"w" * 1500
    assert sorted(path.name for path in planted.iterdir()) == sorted(["weights.bin", store.kind.manifest_name])


@pytest.mark.parametrize("text", ["../x", "/etc/passwd", "a\0b", "a/b:c", "\u202eiris", "a:b:c", ".store:x", ""])
def test_paths_and_other_texts_are_no_tags(text, command, store):
    save(store, "iris:v1")
    for words in (("get", text), ("delete", text, "-y"), ("verify", text), ("list", text)):
        done = command(*words)
        assert done.exit_code == 1, words
        assert "Do:" in done.stderr or "cannot be the" in done.stderr, done.stderr
        assert "\0" not in done.stderr
    assert store.list() == [Tag("iris", "v1")]


def test_no_trunc_is_a_flag(command, store):
    path = save(store, "iris:v1")
    done = command("list", "--no-trunc", "iris", COLUMNS="40")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[1].endswith(str(path))


# get


def test_one_version_is_shown_with_what_its_manifest_says(command, store):
    path = save(store, "iris:v1", labels={"stage": "prod"})
    page = command("get", "iris", TZ="UTC").stdout
    assert page.startswith("tag ")
    facts = dict(line.split(maxsplit=1) for line in page.splitlines())
    assert facts["tag"] == "iris:v1"
    assert facts["labels"] == "stage=prod"
    assert facts["size"] == "1.5 kB in 1 file"
    assert facts["digest"].startswith("sha256:")
    assert facts["origin"] == "saved"
    assert facts["path"] == str(path)
    assert command("get", "iris:v1", "-o", "path").stdout == f"{path}\n"
    assert command("get", "iris:v1", "-q").stdout == "iris:v1\n"


def test_the_data_of_one_version_is_its_manifest_and_what_the_store_knows(command, store):
    path = save(store, "iris:v1", labels={"stage": "prod"})
    data = json.loads(command("get", "iris:v1", "--json").stdout)
    assert yaml.safe_load(command("get", "iris:v1", "--yaml").stdout) == data
    manifest = yaml.safe_load((path / store.kind.manifest_name).read_text())
    assert {key: data[key] for key in manifest} == manifest
    assert data.keys() - manifest.keys() == {"tag", "digest", "size_bytes", "origin", "path"}


@pytest.mark.parametrize("tag", ["iris:v2", "other"])
def test_one_version_that_is_not_there_is_an_error(tag, command, store):
    save(store, "iris:v1")
    done = command("get", tag)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"there is no {store.kind.noun} {tag}." in done.stderr


# delete


def test_what_will_go_is_shown_and_without_a_terminal_nothing_goes(command, store):
    save(store, "iris:v1")
    save(store, "iris:v2")
    save(store, "scaler:v1")
    done = command("delete", "iris,scaler:v1", TZ="UTC")
    assert done.exit_code == 2
    assert "  iris:v1  1.5 kB  2026-01-01 00:00:00\n" in done.stderr
    assert f"Delete 3 {store.kind.noun}s from {store.url}?" in done.stderr
    assert "Nothing was done; give --yes." in done.stderr
    assert len(store.list()) == 3


@pytest.mark.parametrize("words", [("a-b.c,d:v1",), ("a-b.c:v1", "a-b.c:v2", "d"), ("a-b.c", "a-b.c:v1,d:latest")])
def test_names_and_tags_are_deleted_each_once(words, command, store):
    for tag in ("a-b.c:v1", "a-b.c:v2", "d:v1", "e:v1"):
        save(store, tag)
    done = command("delete", *words, "--yes")
    assert done.exit_code == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["deleted a-b.c:v1", "deleted a-b.c:v2", "deleted d:v1"]
    assert store.list() == [Tag("e", "v1")]


@pytest.mark.parametrize("words", [("iris", "other"), ("iris,other:v1",), ("iris,,other",), ("iris,",)])
def test_if_one_target_is_wrong_nothing_is_deleted(words, command, store):
    save(store, "iris:v1")
    done = command("delete", *words, "-y")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "there is no" in done.stderr or "has an empty name in it" in done.stderr
    assert store.list() == [Tag("iris", "v1")]


def test_of_a_model_the_bentos_that_have_a_copy_are_named(jubako, tmp_path):
    models = LocalStore(tmp_path / "home", StoreKind.MODELS)
    bentos = LocalStore(tmp_path / "home", StoreKind.BENTOS)
    save(models, "iris:v1")
    save(models, "iris:v2")
    save(bentos, "classifier:b1", models=["iris:v1"])
    overwrite(save(bentos, "classifier:b2", models=["iris:v1"]) / "bento.yaml", b"iris:v1 [")
    done = jubako("models", "delete", "iris", TZ="UTC")
    assert "iris:v1  1.5 kB  2026-01-01 00:00:00  (Bento classifier:b1 has a copy of its own)\n" in done.stderr
    assert "iris:v2  1.5 kB  2026-01-01 00:00:00\n" in done.stderr


# verify


def test_every_version_is_verified_and_every_bad_file_named(command, store):
    save(store, "iris:v1")
    bad = save(store, "iris:v2")
    overwrite(bad / "weights.bin", b"x" * 1500)
    (bad / "planted\n.pkl").write_bytes(b"x")
    done = command("verify")
    assert done.exit_code == 1
    first, second, *faults = done.stdout.splitlines()
    assert first == "iris:v1: ok, 1 file, 1.5 kB"
    assert second == "iris:v2: damaged"
    assert faults[0] == "  planted\\n.pkl does not belong there: the manifest does not list it"
    assert faults[1].startswith("  weights.bin is damaged, or was changed: its SHA-256 is ")
    assert f"1 {store.kind.noun} damaged. Delete each, and {store.kind.verb} or import it again." in done.stderr
    assert command("verify", "iris:v1").exit_code == 0
    assert command("verify", "iris:v1", "-q").stdout == ""
    assert command("verify", "iris").exit_code == 1
    data = json.loads(command("verify", "iris:v2", "--json").stdout)
    assert data[0]["ok"] is False
    assert [fault["path"] for fault in data[0]["faults"]] == ["planted\n.pkl", "weights.bin"]


def test_a_version_that_has_lost_its_manifest_is_damaged(command, store):
    (save(store, "iris:v1") / store.kind.manifest_name).unlink()
    done = command("verify")
    assert done.exit_code == 1
    assert done.stdout == f"iris:v1: damaged\n  {store.kind.manifest_name} is missing\n"


def test_a_store_that_cannot_be_read_is_an_error(command, store):
    store.home.mkdir()
    store.layout.root.write_text("no folder")
    for words in (("list",), ("verify",), ("get", "iris"), ("delete", "iris", "-y")):
        done = command(*words)
        assert "Traceback" not in done.output
        assert done.exit_code in (0, 1)


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_a_file_that_can_be_written_is_a_note(command, store):
    (save(store, "iris:v1") / "weights.bin").chmod(0o644)
    done = command("verify")
    assert done.exit_code == 0
    assert "Note: weights.bin of iris:v1 is not read-only any more; its content is right." in done.stderr


# a store elsewhere

FAR_STORE = """
import jubako
from pathlib import Path
from jubako.contracts.offers import StoreType
from jubako.contracts.store import Store
from jubako.stores.local import LocalStore

class Far(Store):
    "A store that says when it fetches a whole version."
    def __init__(self, url, kind):
        self.url, self.kind, self.inner = url, kind, LocalStore(Path(url.removeprefix("far://")), kind)
    def resolve(self, tag): return self.inner.resolve(tag)
    def list(self, name=None): return self.inner.list(name)
    def draft(self, tag, **options): return self.inner.draft(tag, **options)
    def delete(self, tag): self.inner.delete(tag)
    def read_manifest(self, tag): return self.inner.read_manifest(tag)
    def open(self, tag):
        print("fetched", tag)
        return self.inner.open(tag)

@jubako.hookimpl
def jubako_register_store_types():
    yield StoreType(name="far", summary="Far away.", open_store="jubako_far:Far")
"""


def test_of_a_store_elsewhere_a_list_fetches_manifests_alone(jubako, tmp_path, site):
    path = save(LocalStore(tmp_path / "far", StoreKind.MODELS), "iris:v1")
    site.install_plugin("far", FAR_STORE)
    environment = {"JUBAKO_MODEL_STORE": f"far://{tmp_path / 'far'}", "JUBAKO_PLUGINS": "far"}
    done = jubako("models", "list", "--json", **environment)
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["tag"], row["size_bytes"], row["path"]) == ("iris:v1", 1500, None)
    assert "iris:v1" in jubako("models", "list", **environment).stdout
    assert jubako("models", "list", "-o", "path", **environment).stdout == f"fetched iris:v1\n{path}\n"
    assert jubako("models", "delete", "iris", "-y", **environment).stdout == "deleted iris:v1\n"
