from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
from datetime import UTC, datetime

import attrs
import pytest

from jubako.contracts.store import StoreKind
from jubako.errors import AlreadyExists, InvalidArgument, ModelDigestMismatch, NotFound, StoreError
from jubako.stores.local import LocalStore, open_store
from jubako.stores.sequence import Facts, Record
from jubako.testing.store_tests import StoreTests, write_version
from jubako.values.tag import Tag


class TestLocalStore(StoreTests):
    def open_store(self, place, kind):
        return LocalStore(place, kind)


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path, StoreKind.MODELS)


def save(store, tag, created=datetime(2026, 1, 1, tzinfo=UTC), **options):
    exact = Tag.from_str(tag)
    with store.draft(exact, **options) as folder:
        write_version(folder, store.kind, exact, created, {"weights.bin": b"1", "deep/notes.txt": b"2"})
    return exact


@pytest.mark.parametrize("name", ["models/iris", "models/iris/v2"])
def test_a_link_in_the_place_of_a_name_or_version_is_no_version(name, store, tmp_path):
    outside = LocalStore(tmp_path / "outside", StoreKind.MODELS)
    save(outside, "iris:v2")
    link = tmp_path / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside.home / name)
    tag = Tag("iris", "v2")
    assert store.list() == []
    for use in (store.open, store.delete, lambda tag: save(store, str(tag))):
        with pytest.raises(StoreError, match=r"is a link\.\n.*\nDo: remove the link"):
            use(tag)
    assert outside.list() == [tag]


def test_what_is_no_version_is_passed_over(store, tmp_path):
    tag = save(store, "iris:v1")
    models = tmp_path / "models"
    for folder in ("iris/empty", "iris/latest", "iris/V2", "iris/..x", "UPPER/v1", ".hidden/v1", "iris/v1-"):
        (models / folder).mkdir(parents=True)
        if folder != "iris/empty":
            (models / folder / "model.yaml").write_bytes((store.open(tag) / "model.yaml").read_bytes())
    (models / "iris/file").write_text("stray")
    (models / "stray").write_text("stray")
    assert store.list() == [tag]
    assert store.resolve(Tag("iris")) == tag
    with pytest.raises(NotFound):
        store.open(Tag("iris", "empty"))
    save(store, "iris:empty")  # an empty folder is in nobody's way


def test_debris_in_the_place_of_a_version_is_kept_until_it_is_deleted(store, tmp_path):
    (tmp_path / "models/iris/v1").mkdir(parents=True)
    (tmp_path / "models/iris/v1/precious").write_text("1")
    with pytest.raises(AlreadyExists, match="or delete this one first"):
        save(store, "iris:v1")
    assert store.list() == []
    store.delete(Tag("iris", "v1"))
    save(store, "iris:v1")


def test_without_records_the_latest_is_the_one_created_last_until_something_is_saved(store, tmp_path):
    for version, day in (("a", 2), ("b", 3), ("c", 1)):
        save(store, f"iris:{version}", datetime(2026, 1, day, tzinfo=UTC))
    shutil.rmtree(tmp_path / ".store")
    assert store.resolve(Tag("iris")) == Tag("iris", "b")
    assert store.origin(Tag("iris", "b")) == ""
    saved = save(store, "iris:d", datetime(2025, 1, 1, tzinfo=UTC))
    assert store.resolve(Tag("iris")) == saved


def write_record(store, number, version, **changes):
    """As a writer leaves it who took that number, lost the race for the version, and was killed at once."""
    facts = Facts("saved", "0" * 64, f".draft-0-1-1-{number:016x}")
    path = store.home / ".store/models/iris" / f"{number:012d}-{number:016x}-{version}"
    record = Record(number, version, path)
    path.write_bytes(record.encode(attrs.evolve(facts, **changes)))
    return record


def test_a_record_of_another_publication_does_not_count(store, tmp_path):
    first, second = save(store, "iris:a"), save(store, "iris:b")
    write_record(store, 9, "a")
    assert store.resolve(Tag("iris")) == second
    assert store.origin(first) == "saved"
    store.verify_manifest(first)
    save(store, "iris:c")
    left = sorted((path.name[:12], path.name[30:]) for path in (tmp_path / ".store/models/iris").iterdir())
    assert left == [("000000000001", "a"), ("000000000002", "b"), ("000000000003", "c")]
    assert store.origin(first) == "saved"


def test_a_damaged_record_is_named_and_no_older_version_becomes_the_latest(store, tmp_path):
    first, second = save(store, "iris:a"), save(store, "iris:b")
    (record,) = (tmp_path / ".store/models/iris").glob("*-b")
    content = record.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1
        record.write_bytes(damaged)
        for use in (lambda: store.resolve(Tag("iris")), lambda: store.verify_manifest(second)):
            with pytest.raises(StoreError, match=rf"{record} is damaged\.\n.*\nDo: remove it"):
                use()
    assert store.list() == [first, second]
    assert store.origin(second) == ""
    store.verify_manifest(first)
    record.write_bytes(b"{}")
    third = save(store, "iris:c")
    assert store.resolve(Tag("iris")) == third
    assert record.exists(), "what is damaged is not swept away unseen"
    record.unlink()
    store.delete(third)
    assert store.resolve(Tag("iris")) == first


@pytest.mark.parametrize("content", [b"[" * 60_000, b'{"origin": "' + b"a" * 200_000 + b'"}', b"\xff", b"[]", b""])
def test_a_record_that_nobody_would_write_is_damaged(store, tmp_path, content):
    save(store, "iris:a")
    (record,) = (tmp_path / ".store/models/iris").iterdir()
    record.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        store.resolve(Tag("iris"))


def test_a_renamed_record_is_damaged(store, tmp_path):
    for version in ("a", "b"):
        save(store, f"iris:{version}")
    (record,) = (tmp_path / ".store/models/iris").glob("*-a")
    record.rename(record.with_name(record.name.replace("000000000001", "000000000003")))
    with pytest.raises(StoreError, match="is damaged"):
        store.resolve(Tag("iris"))


def test_a_changed_manifest_is_named_and_no_older_version_becomes_the_latest(store):
    first, second = save(store, "iris:a"), save(store, "iris:b")
    manifest = store.open(second) / "model.yaml"
    manifest.chmod(0o600)
    manifest.write_text(manifest.read_text() + "# harmless\n")
    for use in (lambda: store.resolve(Tag("iris")), lambda: store.verify_manifest(second)):
        with pytest.raises(ModelDigestMismatch, match=r"b/model\.yaml is damaged, or was changed\.\nIts SHA-256 is"):
            use()
    store.verify_manifest(first)
    assert store.resolve(second) == second
    shutil.rmtree(store.home / ".store")
    store.verify_manifest(second)  # nothing is known of it any more


def test_a_version_that_is_gone_has_no_manifest_to_verify(store):
    tag = save(store, "iris:a")
    (store.open(tag) / "model.yaml").unlink()
    store.verify_manifest(tag)
    store.verify_manifest(Tag("iris", "b"))


def test_a_home_can_be_copied_with_its_order(store, tmp_path):
    for version in ("c", "a", "b"):
        save(store, f"iris:{version}")
    shutil.copytree(tmp_path, tmp_path.with_name("copy"))
    assert LocalStore(tmp_path.with_name("copy"), StoreKind.MODELS).resolve(Tag("iris")) == Tag("iris", "b")


def test_stored_files_are_read_only_and_folders_can_be_removed(store):
    tag = Tag("iris", "v1")
    with store.draft(tag) as folder:
        write_version(folder, store.kind, tag, datetime(2026, 1, 1, tzinfo=UTC), {"deep/notes.txt": b"2"})
        (folder / "deep").chmod(0o555)
    stored = store.open(tag)
    for path in (stored / "deep/notes.txt", stored / "model.yaml"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o222 == 0
    assert stat.S_IMODE((stored / "deep").stat().st_mode) & 0o700 == 0o700
    store.delete(tag)
    assert list(store.home.joinpath("models").iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "remedy"), [(StoreKind.MODELS, "save the model"), (StoreKind.BENTOS, "build the Bento")]
)
def test_what_is_not_there_says_what_to_do(kind, remedy, tmp_path):
    with pytest.raises(NotFound) as caught:
        LocalStore(tmp_path, kind).resolve(Tag("iris"))
    assert caught.value.do == f"correct the tag, or {remedy} first"


def test_links_in_a_draft_are_refused(store, tmp_path):
    tag = Tag("iris", "v1")
    (tmp_path / "secret").write_text("1")

    def save_with_link():
        with store.draft(tag) as folder:
            write_version(folder, store.kind, tag, datetime(2026, 1, 1, tzinfo=UTC), {})
            (folder / "weights").symlink_to(tmp_path / "secret")

    with pytest.raises(InvalidArgument, match=r"weights is a link or a device"):
        save_with_link()
    assert store.list() == []


def test_an_error_of_the_block_is_not_taken_for_the_stores(store):
    with pytest.raises(FileNotFoundError), store.draft(Tag("iris", "v1")) as folder:
        (folder / "missing").read_text()


def test_a_place_that_cannot_be_written_says_why(tmp_path):
    (tmp_path / "models").write_text("a file where the folder should be")
    store = LocalStore(tmp_path, StoreKind.MODELS)
    assert store.list() == []
    with pytest.raises(StoreError, match=r"model iris:v1 cannot be saved in .*models\.\n.*exists"):
        save(store, "iris:v1")


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are POSIX's")
def test_a_read_only_home_is_read_and_a_save_says_why(store):
    tag = save(store, "iris:v1")
    with a_home_that_others_own(store.home):
        assert store.resolve(Tag("iris")) == tag
        assert (store.open(tag) / "weights.bin").read_bytes() == b"1"
        with pytest.raises(StoreError, match=r"(?s)iris:v2 cannot be saved.*Permission denied.*set JUBAKO_HOME"):
            save(store, "iris:v2")
        with pytest.raises(StoreError, match=r"(?s)iris:v1 cannot be deleted.*Permission denied"):
            store.delete(tag)
    assert store.list() == [tag]


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
@pytest.mark.parametrize("closed", ["models/iris/b/model.yaml", ".store/models/iris/{record}"])
def test_a_version_that_may_not_be_read_does_not_make_an_older_one_the_latest(closed, store):
    save(store, "iris:a")
    save(store, "iris:b")
    (record,) = (store.home / ".store/models/iris").glob("*-b")
    with (
        a_home_that_others_own(store.home, closed.format(record=record.name)),
        pytest.raises(StoreError, match=r"(?s)cannot be read.*Permission denied"),
    ):
        store.resolve(Tag("iris"))


@contextlib.contextmanager
def a_home_that_others_own(home, closed=None):
    """Take away the right to write, and in one folder to read, also from root: it acts as nobody meanwhile."""
    folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
    opened = [home, *home.parents[:4]]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in {*folders, *opened} if path.owner() != "nobody"}
    for folder, mode in modes.items():
        folder.chmod(0o555 if folder in folders else mode | 0o055)
    if closed is not None:
        (home / closed).chmod(0)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(65534)
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for folder, mode in modes.items():
            folder.chmod(mode)


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
def test_a_local_store_is_opened_by_path_and_by_url(form, store, tmp_path):
    tag = save(store, "iris:v1")
    opened = open_store(form.format(tmp_path.as_posix()), StoreKind.MODELS)
    assert opened.list() == [tag]
    assert opened.url == tmp_path.as_uri()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
@pytest.mark.parametrize("name", ["with space", "größe %20#?", os.fsdecode(b"not utf-8 \xff")])
def test_a_home_of_any_name_is_opened_by_its_url(name, tmp_path):
    store = LocalStore(tmp_path / name, StoreKind.MODELS)
    tag = save(store, "iris:v1")
    assert open_store(store.url, StoreKind.MODELS).home == store.home
    assert open_store(store.url, StoreKind.MODELS).list() == [tag]


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are POSIX's")
@pytest.mark.parametrize("closed", ["models", "models/iris", ".store/models/iris"])
def test_a_folder_that_may_not_be_read_is_named(closed, store):
    save(store, "iris:v1")
    with (
        a_home_that_others_own(store.home, closed),
        pytest.raises(StoreError, match=r"(?s)cannot be read.*Permission denied.*set JUBAKO_HOME"),
    ):
        store.resolve(Tag("iris"))


@pytest.mark.parametrize("url", ["file://other/home", "file:///home?x=1", "s3://bucket"])
def test_a_url_that_is_no_local_path_is_refused(url):
    with pytest.raises(InvalidArgument, match="is no local store"):
        open_store(url, StoreKind.MODELS)


def test_reading_creates_nothing(tmp_path):
    store = LocalStore(tmp_path / "home", StoreKind.MODELS)
    assert store.list() == []
    with pytest.raises(NotFound, match="The store is empty"):
        store.resolve(Tag("iris"))
    with pytest.raises(NotFound):
        store.delete(Tag("iris", "v1"))
    assert not (tmp_path / "home").exists()
