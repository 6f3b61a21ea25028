"""What is written: where, under which name, the same each time, whole or not at all."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from jubako._progress import using_progress
from jubako.errors import AlreadyExists, InvalidArgument, ModelDigestMismatch
from jubako.stores.archives.beside import new_folder
from jubako.stores.archives.exporting import export_version
from jubako.stores.archives.formats import ArchiveFormat
from jubako.stores.stored import read_version

SUFFIXES = {"tar": ".tar", "gz": ".tar.gz", "xz": ".tar.xz", "bz2": ".tar.bz2", "zip": ".zip", "folder": ""}


def test_a_folder_gets_a_file_named_after_the_version(export, store, tmp_path):
    suffix = ".jubako-model" if store.kind.value == "models" else ".bento"
    assert Path(export(str(tmp_path)).place) == tmp_path / f"iris-v1{suffix}"
    for name, ending in SUFFIXES.items():
        exported = export(f"{tmp_path}/", ArchiveFormat(name))
        assert Path(exported.place) == tmp_path / f"iris-v1{ending}"
        assert exported.archive_format is ArchiveFormat(name)


def test_no_path_is_the_working_directory(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exported = export_version(read_version(store.list()[0], store), "", archive_format=ArchiveFormat.ZIP)
    assert Path(exported.place) == tmp_path / "iris-v1.zip"


@pytest.mark.parametrize(
    ("name", "found", "archive_format"),
    [
        ("a.zip", "a.zip", "zip"),
        ("a.tar.xz", "a.tar.xz", "xz"),
        ("a.TGZ", "a.TGZ", "gz"),
        ("a.v2", "a.v2.NATIVE", "native"),
        ("a", "a.NATIVE", "native"),
        ("a.NATIVE", "a.NATIVE", "native"),
    ],
)
def test_the_suffix_of_a_file_says_how_it_is_wrapped(export, store, tmp_path, name, found, archive_format):
    native = "jubako-model" if store.kind.value == "models" else "bento"
    exported = export(str(tmp_path / name.replace("NATIVE", native)))
    assert Path(exported.place) == tmp_path / found.replace("NATIVE", native)
    assert exported.archive_format is ArchiveFormat(archive_format)
    assert Path(exported.place).stat().st_size == exported.size_bytes


@pytest.mark.parametrize("path", ["nowhere/iris.zip", "nowhere/"])
def test_a_folder_that_is_not_there_is_not_made(export, tmp_path, path):
    with pytest.raises(InvalidArgument, match=r"There is no folder .*nowhere(.|\n)*Do: make it first: mkdir -p"):
        export(str(tmp_path) + "/" + path)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("archive_format", list(ArchiveFormat))
def test_nothing_is_written_over_unless_that_is_asked_for(export, archive_format):
    first = Path(export("", archive_format).place)
    marker = first / "iris" if first.is_dir() else first
    marker.write_bytes(b"mine")
    with pytest.raises(AlreadyExists, match=r"is there already\.\nNothing is written over(.|\n)*--force"):
        export("", archive_format)
    assert marker.read_bytes() == b"mine"
    again = export("", archive_format, is_overwriting=True)
    assert Path(again.place) == first
    assert not marker.is_file() or marker.read_bytes() != b"mine"
    assert sorted(path.name for path in first.parent.iterdir() if path.name.startswith(".")) == []


def test_a_folder_that_was_not_exported_is_never_written_over(export, tmp_path):
    (tmp_path / "iris-v1").mkdir()
    (tmp_path / "iris-v1" / "photos").write_text("dear")
    with pytest.raises(InvalidArgument, match="It is no exported folder"):
        export(f"{tmp_path}/", ArchiveFormat.FOLDER, is_overwriting=True)
    (tmp_path / "iris-v1.zip").mkdir()
    with pytest.raises(InvalidArgument, match="It is a folder"):
        export(f"{tmp_path}/", ArchiveFormat.ZIP, is_overwriting=True)
    assert (tmp_path / "iris-v1" / "photos").read_text() == "dear"


@pytest.mark.parametrize("archive_format", [each for each in ArchiveFormat if each is not ArchiveFormat.FOLDER])
def test_the_same_version_is_the_same_bytes(export, store, tmp_path, archive_format):
    first = Path(export(str(tmp_path / "a"), archive_format).place).read_bytes()
    for path in store.open(store.resolve(store.list()[0])).rglob("*"):
        os.utime(path, (1, 1))
    assert Path(export(str(tmp_path / "b"), archive_format).place).read_bytes() == first


def test_other_programs_read_it(export, store, files):
    manifest = store.kind.manifest_name
    with tarfile.open(export("", ArchiveFormat.XZ).place) as archive:
        members = archive.getmembers()
        assert members[0].name == manifest
        assert {member.name for member in members} == {manifest, *files}
        assert all(member.isreg() and (member.uid, member.gid, member.mtime) == (0, 0, 0) for member in members)
        assert {member.name: oct(member.mode) for member in members}["weights.bin"] == "0o755"
        assert archive.extractfile("n" * 200).read() == files["n" * 200]
    with zipfile.ZipFile(export("", ArchiveFormat.ZIP).place) as archive:
        assert archive.testzip() is None
        assert {info.filename for info in archive.infolist()} == {manifest, *files}
        assert stat.S_IMODE(archive.getinfo("weights.bin").external_attr >> 16) == 0o755
    with gzip.open(export("", ArchiveFormat.NATIVE).place) as file:
        assert file.read(len(manifest)).decode() == manifest


@pytest.mark.parametrize("archive_format", list(ArchiveFormat))
@pytest.mark.parametrize("content", [None, b"longer than it was", b"short"])
def test_a_version_that_is_damaged_is_not_written(export, store, tmp_path, archive_format, content):
    path = store.open(store.list()[0]) / "deep/er/notes é.txt"
    path.chmod(0o644)
    path.write_bytes(content if content is not None else b"READ ME")
    before = set(tmp_path.iterdir())
    with pytest.raises(ModelDigestMismatch, match=r"notes é\.txt"):
        export("", archive_format)
    assert set(tmp_path.iterdir()) == before


def test_a_name_that_no_archive_may_have_is_named(store, tmp_path, export):
    assert store.list()
    folder = store.open(store.list()[0])
    manifest = folder / store.kind.manifest_name
    manifest.chmod(0o644)
    manifest.write_bytes(manifest.read_bytes().replace(b"path: empty\n", b"path: WEIGHTS.bin\n"))
    (folder / "empty").rename(folder / "WEIGHTS.bin")
    for record in (store.home / ".store").rglob("0*"):
        record.unlink()  # what knows the manifest as it was
    with pytest.raises(InvalidArgument, match=r"cannot be exported: (.|\n)*is there twice(.|\n)*Do: rename the file"):
        export()


def test_the_progress_is_in_bytes_of_the_version(export, store, files):
    shown, done = [], []

    class Show:
        def __init__(self, label, total):
            shown.append((label, total))

        def __enter__(self):
            return done.append

        def __exit__(self, *_):
            pass

    with using_progress(Show):
        export()
    total = sum(map(len, files.values())) + len(store.read_manifest(store.list()[0]))
    assert shown == [("exporting iris:v1", total)]
    assert sum(done) == total


def test_a_folder_that_is_written_over_comes_back_when_nothing_can_take_its_place(tmp_path):
    place = tmp_path / "exported"
    place.mkdir()
    (place / "old").touch()
    with pytest.raises(OSError, match="exported"), new_folder(place, is_overwriting=True) as folder:
        folder.rmdir()  # so that nothing can be put in its place
    assert (place / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]
