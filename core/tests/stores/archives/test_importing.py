"""What is exported in any format is imported as it was; and what is another is told apart."""

from __future__ import annotations

import gzip
import os
import random
import tarfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jubako.contracts.store import StoreKind
from jubako.errors import AlreadyExists, InvalidArchive, InvalidManifest, NotFound
from jubako.settings import ArchiveSettings
from jubako.stores.archives.exporting import export_version
from jubako.stores.archives.formats import ArchiveFormat
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_info
from jubako.stores.stored import read_version
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag

TAG = Tag("iris", "v1")


def content(folder):
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("archive_format", list(ArchiveFormat))
def test_what_was_exported_is_imported_as_it_was(export, take_in, store, other, archive_format):
    exported = export("", archive_format)
    done = take_in(exported.place)
    assert (done.tag, done.digest, done.is_new) == (TAG, exported.digest, True)
    assert content(other.open(TAG)) == content(store.open(TAG))
    assert other.origin(TAG) == exported.place
    assert other.resolve(Tag("iris")) == TAG
    assert [path.name for path in (other.home / store.kind.value).iterdir()] == ["iris"]  # no draft is left


def test_a_file_of_several_pieces_is_imported_from_every_format(take_in, other, tmp_path):
    large, content = Tag("iris", "large"), random.Random(2).randbytes(2_500_000)
    with other.draft(large) as folder:
        write_version(folder, other.kind, large, datetime(2026, 1, 1, tzinfo=UTC), {"weights.bin": content})
    version = read_version(large, other)
    for number, archive_format in enumerate(ArchiveFormat):
        target = LocalStore(tmp_path / str(number), other.kind)
        take_in(export_version(version, f"{tmp_path}/", archive_format=archive_format).place, target=target)
        assert (target.open(large) / "weights.bin").read_bytes() == content


@pytest.mark.parametrize("archive_format", list(ArchiveFormat))
def test_the_same_version_again_changes_nothing(export, take_in, other, archive_format):
    exported = export("", archive_format)
    take_in(exported.place)
    before = content(other.home)
    done = take_in(exported.place)
    assert not done.is_new
    assert content(other.home) == before


def test_an_archive_of_a_version_that_is_there_is_checked_all_the_same(export, take_in):
    place = Path(export("", ArchiveFormat.TAR).place)
    take_in(place)
    data = bytearray(place.read_bytes())
    data[data.index(b"read me")] ^= 1
    place.write_bytes(data)
    with pytest.raises(InvalidArchive, match="damaged, or was changed"):
        take_in(place)


def test_another_version_of_the_tag_is_never_written_over(export, take_in, store, tmp_path):
    exported = export()
    target = LocalStore(tmp_path / "third", store.kind)
    with target.draft(TAG) as folder:
        write_version(folder, store.kind, TAG, datetime(2026, 1, 2, tzinfo=UTC), {"a": b"1"})
    commands = "models " if store.kind is StoreKind.MODELS else ""
    with pytest.raises(AlreadyExists, match=rf"another \w+ iris:v1 already(.|\n)*jubako {commands}delete iris:v1"):
        take_in(exported.place, target=target)
    assert (target.open(TAG) / "a").read_bytes() == b"1"


@pytest.mark.parametrize("is_latest", [False, True])
def test_an_older_version_becomes_latest_only_if_that_is_asked_for(export, take_in, store, tmp_path, is_latest):
    target = LocalStore(tmp_path / "third", store.kind)
    newer = Tag("iris", "newer")
    with target.draft(newer) as folder:
        write_version(folder, store.kind, newer, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=9), {"a": b"1"})
    take_in(export().place, target=target, is_latest=is_latest)
    assert target.resolve(Tag("iris")) == (TAG if is_latest else newer)


def test_the_name_of_a_file_does_not_matter(export, take_in, tmp_path):
    exported = export("", ArchiveFormat.ZIP)
    Path(exported.place).rename(tmp_path / "download.bento")
    assert take_in(tmp_path / "download.bento").is_new


def test_a_format_that_was_asked_for_must_be_it(export, take_in):
    place = export("", ArchiveFormat.NATIVE).place
    with pytest.raises(InvalidArchive, match=r"It was to be zip, and begins as gz\.\nDo: leave the format out"):
        take_in(place, archive_format=ArchiveFormat.ZIP)
    assert take_in(place, archive_format=ArchiveFormat.NATIVE).is_new


def test_the_other_kind_is_told_where_it_goes(export, tmp_path, store, take_in):
    other_kind = next(kind for kind in StoreKind if kind is not store.kind)
    command = "jubako models import" if store.kind is StoreKind.MODELS else "jubako import"
    with pytest.raises(InvalidArchive, match=rf"holds a {store.kind.noun}, not a {other_kind.noun}\.\nDo: {command} "):
        take_in(export().place, target=LocalStore(tmp_path / "third", other_kind))


@pytest.mark.parametrize("pack", ["tar", "gz", "zip"])
def test_archives_of_other_programs_are_read_if_they_hold_the_same(export, take_in, other, files, tmp_path, pack):
    folder = Path(export(str(tmp_path / "out"), ArchiveFormat.FOLDER).place)
    place = tmp_path / "by-hand"
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    if pack == "zip":
        with zipfile.ZipFile(place, "w") as archive:
            for name in names:
                archive.write(folder / name, name)
    else:
        with tarfile.open(place, "w:gz" if pack == "gz" else "w", format=tarfile.PAX_FORMAT) as archive:
            for name in names:
                archive.add(folder / name, name, recursive=False)
    assert take_in(place).is_new
    assert {name: found for name, (found, _) in content(other.open(TAG)).items() if name in files} == files


def test_what_is_no_archive_is_answered_with_what_would_be(take_in, tmp_path):
    with pytest.raises(NotFound, match=r"there is no archive .*nowhere\.zip\.\nDo: correct the path"):
        take_in(tmp_path / "nowhere.zip")
    (tmp_path / "text").write_text("hello" * 200)
    with pytest.raises(InvalidArchive, match=r"begins like no tar, gz, xz, bz2 or zip file(.|\n)*jubako export"):
        take_in(tmp_path / "text")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArchive, match="neither a file nor a folder"):
        take_in(tmp_path / "pipe")
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(InvalidArchive, match="begins like no tar"):
        take_in(tmp_path / "empty.tar")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("")
    with pytest.raises(InvalidArchive, match=r"holds no \w+\.\nIt has no \w+\.yaml at its top"):
        take_in(tmp_path / "folder")


def test_a_manifest_that_cannot_be_read_is_named(export, take_in, store, tmp_path):
    folder = Path(export(str(tmp_path / "out"), ArchiveFormat.FOLDER).place)
    (folder / store.kind.manifest_name).write_text("nonsense: true\n")
    with pytest.raises(InvalidManifest, match=rf"out: {store.kind.manifest_name}"):
        take_in(folder)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_members": 3}, r"3(.|\n)*stores\.archives\.max_members"),
        ({"max_bytes": 1000}, r"1,000(.|\n)*stores\.archives\.max_bytes"),
    ],
)
@pytest.mark.parametrize("archive_format", [ArchiveFormat.GZ, ArchiveFormat.ZIP, ArchiveFormat.FOLDER])
def test_each_limit_is_a_setting_that_the_error_names(export, take_in, other, archive_format, limits, words):
    with pytest.raises(InvalidArchive, match=words):
        take_in(export("", archive_format).place, limits=ArchiveSettings(**limits))
    assert other.list() == []


def test_what_is_imported_has_the_manifest_that_it_had(export, take_in, store, other):
    take_in(export().place)
    assert other.read_manifest(TAG) == store.read_manifest(TAG)
    assert read_info(other.open(TAG), store.kind) == read_info(store.open(TAG), store.kind)


def test_gzip_in_several_pieces_is_refused(export, take_in):
    place = Path(export("", ArchiveFormat.TAR).place)
    data = place.read_bytes()
    place.write_bytes(gzip.compress(data[:-512]) + gzip.compress(data[-512:]))
    with pytest.raises(InvalidArchive, match="It ends too early"):
        take_in(place)
