"""Files in two versions: links where that is safe, copies elsewhere, and nothing else is followed or waited for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from jubako.stores.digests import sha256_of
from jubako.stores.linking import link_or_copy


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "stored"
    path.write_bytes(os.urandom(3_000_000))
    path.chmod(0o444)
    return path


def test_a_read_only_file_is_linked(stored, tmp_path):
    assert link_or_copy(stored, tmp_path / "place")
    assert stored.samefile(tmp_path / "place")


@pytest.mark.parametrize("mode", [0o644, 0o464, 0o446])
def test_a_file_that_somebody_may_write_to_is_copied(stored, tmp_path, mode):
    stored.chmod(mode)
    place = tmp_path / "place"
    assert not link_or_copy(stored, place)
    assert not stored.samefile(place)
    assert place.read_bytes() == stored.read_bytes()


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no second file system")
def test_a_file_of_another_file_system_is_copied(stored, tmp_path):
    place = f"/dev/shm/jubako-test-{os.getpid()}"
    try:
        link_or_copy(stored, Path(place))
        assert sha256_of(Path(place)) == sha256_of(stored)
    finally:
        Path(place).unlink()


def test_an_empty_file_is_copied(tmp_path):
    (tmp_path / "empty").touch()
    assert not link_or_copy(tmp_path / "empty", tmp_path / "place")
    assert (tmp_path / "place").read_bytes() == b""


def test_nothing_is_written_over(stored, tmp_path):
    stored.chmod(0o644)
    (tmp_path / "place").write_text("mine")
    with pytest.raises(FileExistsError):
        link_or_copy(stored, tmp_path / "place")
    assert (tmp_path / "place").read_text() == "mine"


def test_a_link_is_not_followed(stored, tmp_path):
    (tmp_path / "link").symlink_to(stored)
    with pytest.raises(OSError):  # noqa: PT011 - the system says which
        link_or_copy(tmp_path / "link", tmp_path / "place")
    assert not (tmp_path / "place").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no FIFOs")
def test_a_pipe_is_refused_without_waiting_for_who_writes_to_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no plain file"):
        link_or_copy(tmp_path / "pipe", tmp_path / "place")
