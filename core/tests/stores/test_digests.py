from __future__ import annotations

import hashlib
import os

import pytest

from jubako.errors import InvalidArgument, ModelDigestMismatch
from jubako.stores.digests import digest_folder, verify_files, verify_sizes


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "version"
    for path, text in {"b.txt": "b" * 1000, "a/c.txt": "c", "a.txt": ""}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_files_are_described_in_the_order_of_their_paths(folder):
    files = digest_folder(folder, leave_out=("a.txt",))
    assert [(entry.path, entry.size_bytes) for entry in files] == [("a/c.txt", 1), ("b.txt", 1000)]
    assert files[0].sha256 == hashlib.sha256(b"c").hexdigest()


def test_files_as_they_were_described_pass(folder):
    files = digest_folder(folder)
    verify_sizes(folder, files)
    verify_files(folder, files)


def test_every_flipped_byte_is_found_and_its_file_named(folder):
    files = digest_folder(folder)
    for entry in files:
        path = folder / entry.path
        original = path.read_bytes()
        for position in {0, len(original) // 2, len(original) - 1} if original else ():
            damaged = bytearray(original)
            damaged[position] ^= 1
            path.write_bytes(damaged)
            with pytest.raises(ModelDigestMismatch, match=rf"{entry.path} is damaged, or was changed"):
                verify_files(folder, files)
            path.write_bytes(original)
    verify_files(folder, files)


def test_a_change_is_found_although_size_and_time_were_set_back(folder):
    files = digest_folder(folder)
    verify_files(folder, files)
    path = folder / "b.txt"
    before = path.stat()
    path.write_text("x" * 1000)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ModelDigestMismatch, match=r"b\.txt is damaged"):
        verify_files(folder, files)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "b.txt").unlink(), r"b\.txt is missing"),
        (lambda folder: (folder / "b.txt").write_text("b"), r"b\.txt has 1 bytes.\nIts manifest says 1,000"),
        (lambda folder: (folder / "a/new.pkl").write_text(""), r"new\.pkl does not belong there"),
        (lambda folder: (folder / "a/link").symlink_to("c.txt"), "link is a link or a device"),
    ],
)
def test_missing_resized_and_planted_files_are_found_without_reading(change, message, folder):
    files = digest_folder(folder)
    change(folder)
    with pytest.raises(ModelDigestMismatch, match=message):
        verify_sizes(folder, files)


def test_a_file_that_became_a_link_is_found(folder):
    files = digest_folder(folder)
    (folder / "b.txt").rename(folder.parent / "moved")
    (folder / "b.txt").symlink_to(folder.parent / "moved")
    with pytest.raises(ModelDigestMismatch, match=r"b\.txt"):
        verify_files(folder, files)


def test_links_and_devices_are_no_files_of_a_version(folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(InvalidArgument, match="pipe is a link or a device"):
        digest_folder(folder)


def test_names_that_no_version_may_have_are_refused(folder):
    (folder / "line\nfeed").write_text("")
    with pytest.raises(InvalidArgument, match="not a file path inside a version"):
        digest_folder(folder)
