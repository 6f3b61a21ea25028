"""Copying versions between stores: whole, checked, once; and exporting to where a URL leads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jubako.contracts.store import StoreKind
from jubako.errors import AlreadyExists, InvalidArgument, ModelDigestMismatch, NotFound, StoreError
from jubako.stores.archives.exporting import export_version
from jubako.stores.local import LocalStore
from jubako.stores.stored import read_version, version_in
from jubako.stores.transfer import copy_version, export_anywhere, refuse_urls
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag

TAG = Tag("iris", "v1")


def save(store, tag=TAG, files=None, day=1):
    with store.draft(tag) as folder:
        write_version(folder, store.kind, tag, datetime(2026, 1, day, tzinfo=UTC), files or {"a": b"1", "b/c": b"22"})


@pytest.fixture(params=list(StoreKind), ids=lambda kind: str(kind.value))
def source(request, tmp_path):
    store = LocalStore(tmp_path / "source", request.param)
    save(store)
    return store


@pytest.fixture
def target(source, tmp_path):
    return LocalStore(tmp_path / "target", source.kind)


def test_a_version_is_copied_once(source, target):
    copied = copy_version(read_version(Tag("iris"), source), target, origin=source.url)
    assert (copied.tag, copied.is_new) == (TAG, True)
    assert (target.open(TAG) / "b/c").read_bytes() == b"22"
    assert target.origin(TAG) == source.url
    assert not copy_version(read_version(TAG, source), target, origin=source.url).is_new
    assert not copy_version(read_version(TAG, source), source, origin="").is_new


def test_another_version_of_the_tag_stays_unless_it_is_forced_away(source, target):
    save(target, files={"a": b"old"})
    with pytest.raises(AlreadyExists, match=r"another \w+ iris:v1 already(.|\n)*--force"):
        copy_version(read_version(TAG, source), target, origin=source.url)
    assert (target.open(TAG) / "a").read_bytes() == b"old"
    assert copy_version(read_version(TAG, source), target, origin=source.url, is_forced=True).is_new
    assert (target.open(TAG) / "a").read_bytes() == b"1"


def test_a_version_that_is_deleted_while_it_is_read_is_one_that_is_not_there(source, target, tmp_path):
    version = read_version(TAG, source)
    source.delete(TAG)
    with pytest.raises(NotFound, match="iris"):
        copy_version(version, target, origin=source.url)
    assert target.list() == []
    with pytest.raises(NotFound, match="iris"):
        export_version(version, str(tmp_path / "out.zip"))
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("is_forced", [False, True])
def test_a_damaged_version_is_not_copied_and_pushes_nothing_away(source, target, is_forced):
    if is_forced:
        save(target, files={"a": b"old"})
    path = source.open(TAG) / "b/c"
    path.chmod(0o644)
    path.write_bytes(b"23")
    with pytest.raises(ModelDigestMismatch, match="b/c is damaged"):
        copy_version(read_version(TAG, source), target, origin=source.url, is_forced=is_forced)
    assert target.list() == ([TAG] if is_forced else [])
    if is_forced:
        assert (target.open(TAG) / "a").read_bytes() == b"old"


def test_what_cannot_be_copied_whole_pushes_nothing_away(source, target):
    save(target, files={"a": b"old"})
    # Where the target notes its versions, and so cannot, after every file was written.
    notes = target.home / ".store" / target.kind.value / "iris"
    notes.rename(notes.with_name("away"))
    notes.touch()
    with pytest.raises(StoreError, match=r"was not (saved|copied)"):
        copy_version(read_version(TAG, source), target, origin=source.url, is_forced=True)
    notes.unlink()
    notes.with_name("away").rename(notes)
    assert (target.open(TAG) / "a").read_bytes() == b"old"
    target.verify_manifest(TAG)
    assert target.resolve(Tag("iris")) == TAG


def test_a_manifest_that_was_changed_is_not_copied(source, target):
    path = source.open(TAG) / source.kind.manifest_name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ModelDigestMismatch, match=source.kind.manifest_name):
        read_version(TAG, source)
    with pytest.raises(NotFound):
        read_version(Tag("iris", "v2"), source)


def test_a_file_that_the_manifest_does_not_list_is_not_copied(source):
    (source.open(TAG) / "more").write_text("x")
    with pytest.raises(ModelDigestMismatch, match="more does not belong there"):
        version_in(source.open(TAG), source.kind)


@pytest.mark.parametrize("is_latest", [False, True])
def test_an_older_version_becomes_latest_only_if_that_is_asked_for(source, target, is_latest):
    newer = Tag("iris", "newer")
    save(target, newer, day=5)
    copy_version(read_version(TAG, source), target, origin=source.url, is_latest=is_latest)
    assert target.resolve(Tag("iris")) == (TAG if is_latest else newer)


def test_what_is_executable_stays_so(source, target):
    tag = Tag("iris", "v2")
    with source.draft(tag) as folder:
        write_version(folder, source.kind, tag, datetime(2026, 1, 1, tzinfo=UTC), {"run.sh": b"", "data": b""})
        (folder / "run.sh").chmod(0o755)
    copy_version(read_version(tag, source), target, origin="")
    assert [oct((target.open(tag) / name).stat().st_mode & 0o777) for name in ("run.sh", "data")] == ["0o555", "0o444"]


def test_a_url_is_a_store_to_copy_to(source, target):
    opened = []

    def open_other(url):
        opened.append(url)
        return target

    options = {"is_overwriting": False, "origin": source.url, "open_other": open_other}
    exported = export_anywhere(read_version(TAG, source), "toy://place", format_name=None, **options)
    assert (exported.place, exported.archive_format, opened) == (target.url, None, ["toy://place"])
    assert target.list() == [TAG]
    for url, format_name in (("toy://place/a.zip", None), ("toy://place", "zip"), ("file:///tmp/x.bento", None)):
        with pytest.raises(InvalidArgument, match=r"is the URL of no file(.|\n)*no format"):
            export_anywhere(read_version(TAG, source), url, format_name=format_name, **options)
    with pytest.raises(
        InvalidArgument, match=r"no archive format 'rar'\.\nDo: use one of native, tar, gz, xz, bz2, zip"
    ):
        export_anywhere(read_version(TAG, source), "x", format_name="rar", **options)


def test_an_archive_is_no_url():
    with pytest.raises(InvalidArgument, match=r"is no path of an archive\.\nDo: (.|\n)*jubako models pull TAG URL"):
        refuse_urls("s3://bucket/iris.zip", StoreKind.MODELS)
    refuse_urls("iris.zip", StoreKind.MODELS)
