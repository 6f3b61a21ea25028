"""What is removed from a store, what never is, and that nobody who works there is disturbed."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jubako.contracts.store import StoreKind
from jubako.stores.collecting import (
    Debris,
    find_old,
    find_store_debris,
    find_strays,
    remove_store_debris,
    remove_versions,
    size_of,
)
from jubako.stores.drafts import Draft
from jubako.stores.local import LocalStore
from jubako.stores.verifying import inspect
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag

PROGRAM = Path(__file__).with_name("collecting_writers.py")
DEAD_WRITER = """
import os, pathlib, signal, sys
from jubako.contracts.store import StoreKind
from jubako.stores.local import LocalStore
from jubako.values.tag import Tag

with LocalStore(pathlib.Path(sys.argv[1]), StoreKind.MODELS).draft(Tag("iris", "dead")) as folder:
    (folder / "weights.bin").write_bytes(b"x" * 5000)
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path):
    store = LocalStore(tmp_path / "home", StoreKind.MODELS)
    save(store, "iris:v1")
    return store


def save(store, text, created=datetime(2026, 1, 1, tzinfo=UTC), **options):
    tag = Tag.from_str(text)
    with store.draft(tag, **options) as folder:
        write_version(folder, store.kind, tag, created, {"weights.bin": b"w" * 1000})
    return tag


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_in_a_store_without_debris_nothing_is_removed(store):
    before = everything(store.home)
    assert find_store_debris(store) == []
    remove_store_debris(store, [])
    assert everything(store.home) == before
    assert find_store_debris(LocalStore(store.home / "none", StoreKind.MODELS)) == []


def test_a_killed_writers_draft_is_debris_and_a_living_ones_is_not(store):
    command = [sys.executable, "-c", DEAD_WRITER, str(store.home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline().strip() == b"ready"
        assert find_store_debris(store) == []
        writer.kill()
        writer.wait(timeout=60)
    (debris,) = find_store_debris(store)
    assert debris == Debris(debris.path, "unfinished version of a writer that is gone", 5000)
    remove_store_debris(store, [debris])
    assert not debris.path.exists()
    assert store.list() == [Tag("iris", "v1")]


def test_what_a_deletion_has_left_is_debris(store):
    trash = store.layout.root / ".trash-0123456789abcdef"
    store.layout.place(Tag("iris", "v1")).rename(trash)
    debris = find_store_debris(store)
    assert (debris[0].path, debris[0].what) == (trash, "deleted version")
    # Its record names a version that is not there.
    assert [each.what for each in debris[1:]] == ["record of no version"]
    remove_store_debris(store, debris)
    assert everything(store.home) == [".store", ".store/models", "models"]


def test_links_in_the_place_of_debris_are_removed_and_not_followed(store, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.txt").write_text("mine")
    trash = store.layout.root / ".trash-0123456789abcdef"
    trash.symlink_to(outside)
    draft = store.layout.root / ".draft-000000000000-1-1-0123456789abcdef"
    draft.symlink_to(outside)
    day_ago = datetime.now().timestamp() - 48 * 3600  # noqa: DTZ005  # a time stamp has no zone
    os.utime(outside, (day_ago, day_ago))
    debris = find_store_debris(store)
    assert {each.path for each in debris} == {trash, draft}
    remove_store_debris(store, debris)
    assert not os.path.lexists(trash)
    assert not os.path.lexists(draft)
    assert (outside / "mine.txt").read_text() == "mine"


def test_links_in_the_place_of_versions_are_strays_and_stay(store, tmp_path):
    outside = LocalStore(tmp_path / "outside", StoreKind.MODELS)
    save(outside, "iris:v9")
    (store.layout.root / "iris/v9").symlink_to(outside.layout.root / "iris/v9")
    (store.layout.root / "other").symlink_to(outside.layout.root / "iris")
    remove_store_debris(store, find_store_debris(store))
    remove_versions(store, find_old(store, 1))
    assert [path.relative_to(store.layout.root).as_posix() for path in find_strays(store)] == ["iris/v9", "other"]
    assert inspect(outside, "iris:v9").faults == ()


def test_junk_among_the_versions_is_told_and_stays(store):
    root = store.layout.root
    (root / "notes.txt").write_text("mine")
    (root / "iris/notes.txt").write_text("mine")
    (root / "Upper").mkdir()
    (root / "iris/lost").mkdir()
    (root / "iris/lost/weights.bin").write_bytes(b"x")
    (root / "with space").mkdir()
    (root / "with space/v1").mkdir()
    (root / "\u202etxt").mkdir()
    (root / "\u202etxt/v").mkdir()
    (root / "Upper/v1").mkdir()
    strays = [path.relative_to(root).as_posix() for path in find_strays(store)]
    assert strays == ["Upper", "iris/lost", "iris/notes.txt", "notes.txt", "with space", "\u202etxt"]
    before = everything(root)
    remove_store_debris(store, find_store_debris(store))
    remove_versions(store, find_old(store, 1))
    assert everything(root) == before


def test_records_of_versions_that_are_not_there_go_and_a_live_writers_stay(store):
    folder = store.home / ".store/models"
    (folder / "gone").mkdir()
    stale = folder / "gone/000000000007-0123456789abcdef-v1"
    stale.write_text("{}")
    draft = Draft(store.layout.root)
    (folder / "gone" / draft.path.name).write_text("a record that is being written")
    (dead,) = find_store_debris(store)
    assert dead == Debris(stale, "record of no version", 2)
    remove_store_debris(store, [dead])
    assert [path.name for path in (folder / "gone").iterdir()] == [draft.path.name]
    draft.close()
    remove_store_debris(store, find_store_debris(store))
    assert not (folder / "gone").exists()
    assert store.resolve(Tag("iris")) == Tag("iris", "v1")


def test_the_oldest_versions_by_the_stores_own_count_go(store):
    # Created long ago, and saved last; imported behind the latest, though its name sorts last.
    save(store, "iris:a", created=datetime(2020, 1, 1, tzinfo=UTC))
    save(store, "iris:z", created=datetime(2019, 1, 1, tzinfo=UTC), origin="an archive")
    save(store, "other:v1")
    assert [str(tag) for tag in store.newest_first("iris")] == ["iris:a", "iris:v1", "iris:z"]
    assert [str(tag) for tag in find_old(store, 1)] == ["iris:z", "iris:v1"]
    assert find_old(store, 3) == []
    assert [str(tag) for tag in remove_versions(store, [*find_old(store, 2), Tag("iris", "gone")])] == ["iris:z"]
    assert [str(tag) for tag in store.list()] == ["iris:a", "iris:v1", "other:v1"]


def test_versions_whose_records_are_lost_count_by_creation_time(store):
    for number in range(3):
        save(store, f"iris:b{number}", created=datetime(2026, 1, 5, tzinfo=UTC) - timedelta(days=number))
    for record in (store.home / ".store/models/iris").iterdir():
        record.unlink()
    assert [str(tag) for tag in store.newest_first("iris")] == ["iris:b0", "iris:b1", "iris:b2", "iris:v1"]


def test_files_that_others_share_give_nothing_back(store, tmp_path):
    folder = store.layout.place(Tag("iris", "v1"))
    assert size_of(folder) == 1000 + (folder / "model.yaml").stat().st_size
    os.link(folder / "weights.bin", tmp_path / "copy")
    assert size_of(folder) == (folder / "model.yaml").stat().st_size
    assert size_of(tmp_path / "gone") == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_collecting_disturbs_nobody_who_saves_deletes_reads_or_dies(tmp_path):
    command = [sys.executable, str(PROGRAM), str(tmp_path)]
    program = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert program.returncode == 0, program.stderr
    store = LocalStore(tmp_path, StoreKind.MODELS)
    kept = [Tag(f"kept-{saver}", f"v{number:02}") for saver in range(4) for number in range(12)]
    assert [tag for tag in store.list() if tag.name.startswith("kept-")] == kept
    assert store.list("aging")[-5:] == [Tag("aging", f"v{number:02}") for number in range(15, 20)]
    assert store.list("killed") == []
    remove_store_debris(store, find_store_debris(store))
    assert find_store_debris(store) == []
    left = {path.name for path in (tmp_path / "models").iterdir()}
    assert left <= {*(tag.name for tag in kept), "aging", "fleeting"}
    assert not any(inspect(store, tag).faults for tag in store.list())
