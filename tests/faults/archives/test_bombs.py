"""Archives that unpack to far more than they are: refused before the disk or the memory is full."""

from __future__ import annotations

import hashlib
import lzma
import struct
import subprocess
import sys
import zlib

import attrs
import pytest

from jubako._progress import using_progress
from jubako.errors import InvalidArchive
from jubako.stores.archives.compression import FREE_BYTES
from tests.faults.archives.raw import TAR_FORMATS, Raw, tar_of, zip_of

pytestmark = [pytest.mark.row("archive-bombs"), pytest.mark.quick]
MIB = 1024 * 1024
LARGE = 200 * MIB
RATIO = 20


class Written:
    """Counts what is written."""

    def __init__(self):
        self.bytes = 0

    def __call__(self, label, total):
        return self

    def __enter__(self):
        return self.add

    def __exit__(self, *_):
        pass

    def add(self, count):
        self.bytes += count


def with_zeros(sound, size):
    """The version with so many zeros in `weights.bin`, which its manifest lists as they are."""
    zeros = bytes(size)
    old, weights = sound[0].content.decode(), sound[1]
    for before, after in (
        (f"size: {len(weights.content)}", f"size: {size}"),
        (hashlib.sha256(weights.content).hexdigest(), hashlib.sha256(zeros).hexdigest()),
    ):
        assert before in old
        old = old.replace(before, after)
    return [attrs.evolve(sound[0], content=old.encode()), attrs.evolve(weights, content=zeros), *sound[2:]]


@pytest.mark.parametrize("wrapping", ["gz", "xz", "bz2", "zip"])
def test_a_bomb_is_refused_by_what_it_unpacks_to(wrapping, sound, tmp_path, take_in, target, figures):
    members = with_zeros(sound, LARGE)
    archive = tmp_path / "archive"
    archive.write_bytes(zip_of(members).join() if wrapping == "zip" else TAR_FORMATS[wrapping](tar_of(members)))
    size = archive.stat().st_size
    written = Written()
    with using_progress(written), pytest.raises(InvalidArchive, match=r"stores\.archives\.max_ratio"):
        take_in(archive, max_ratio=RATIO)
    assert written.bytes <= FREE_BYTES + RATIO * size + MIB
    assert target.list() == []
    figures(**{wrapping: f"{LARGE // MIB} MiB from {size // 1024} KiB: refused after {written.bytes // MIB} MiB"})


@pytest.mark.parametrize("wrapping", ["tar", "gz", "zip"])
def test_files_that_are_not_listed_are_not_unpacked(wrapping, sound, tmp_path, take_in, target):
    members = [*sound, Raw(b"zeros", bytes(LARGE))]
    archive = tmp_path / "archive"
    archive.write_bytes(zip_of(members).join() if wrapping == "zip" else TAR_FORMATS[wrapping](tar_of(members)))
    written = Written()
    with using_progress(written), pytest.raises(InvalidArchive, match="'zeros' is not listed"):
        take_in(archive)
    assert written.bytes < MIB
    assert target.list() == []


@pytest.mark.parametrize("wrapping", [*TAR_FORMATS, "zip"])
def test_members_without_end_are_refused_by_their_number(wrapping, sound, tmp_path, take_in, target, figures):
    members = [*(Raw(b"%d" % number) for number in range(30_000)), *sound]
    archive = tmp_path / "archive"
    archive.write_bytes(zip_of(members).join() if wrapping == "zip" else TAR_FORMATS[wrapping](tar_of(members)))
    with pytest.raises(InvalidArchive, match=r"more than 1,000(.|\n)*stores\.archives\.max_members"):
        take_in(archive, max_members=1000)
    assert target.list() == []
    figures(**{f"{wrapping}, 30,000 members": "refused"})


def test_more_bytes_than_are_allowed_are_refused_before_any_is_written(sound, tmp_path, take_in, target):
    archive = tmp_path / "archive"
    archive.write_bytes(tar_of(with_zeros(sound, 3 * MIB)))
    written = Written()
    with (
        using_progress(written),
        pytest.raises(InvalidArchive, match=r"it lists 3,14(.|\n)*stores\.archives\.max_bytes"),
    ):
        take_in(archive, max_bytes=2 * MIB)
    assert written.bytes == 0
    assert target.list() == []


def test_archives_in_archives_are_not_opened(tmp_path, take_in, target):
    nested = bytes(50 * MIB)
    for _ in range(6):
        nested = zip_of([Raw(b"%d.zip" % number, nested) for number in range(4)]).join()
    (tmp_path / "archive").write_bytes(nested)
    with pytest.raises(InvalidArchive, match="holds no model"):
        take_in(tmp_path / "archive")
    assert target.list() == []


def test_entries_that_share_their_content_are_refused(sound, tmp_path, take_in, target, figures):
    kernel = zip_of([*sound, Raw(b"zeros", bytes(20 * MIB))])
    entries = [kernel.central[-1].replace(b"zeros", b"%05d" % number) for number in range(20_000)]
    (tmp_path / "archive").write_bytes(attrs.evolve(kernel, central=(*kernel.central[:-1], *entries)).join())
    with pytest.raises(InvalidArchive, match=r"overlaps|says something else"):
        take_in(tmp_path / "archive")
    assert target.list() == []
    figures(**{"20,000 entries that share 20 MiB": "refused"})


def test_a_dictionary_of_gigabytes_is_not_allocated(sound, tmp_path, take_in, target):
    data = bytearray(lzma.compress(tar_of(sound), preset=0))
    header = 12  # of the stream; that of the block says how long it is, and what memory it needs
    length = (data[header] + 1) * 4
    assert data[header + 2 : header + 4] == b"\x21\x01"
    data[header + 4] = 40
    data[header + length - 4 : header + length] = struct.pack("<L", zlib.crc32(data[header : header + length - 4]))
    (tmp_path / "archive").write_bytes(data)
    with pytest.raises(InvalidArchive, match="cannot be unpacked: Memory usage limit"):
        take_in(tmp_path / "archive")
    assert target.list() == []


LOWERED = """
import sys
from pathlib import Path
from jubako.contracts.store import StoreKind
from jubako.settings import ArchiveSettings
from jubako.stores.archives.exporting import export_version
from jubako.stores.archives.importing import import_version
from jubako.stores.local import LocalStore
from jubako.stores.stored import version_in
import bz2, lzma

def peak():
    # Not getrusage: that begins with what the process had that started this one.
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])

place, home = map(Path, sys.argv[1:])
before = peak()
done = import_version(place, LocalStore(home, StoreKind.MODELS), limits=ArchiveSettings(max_ratio=5000))
folder = LocalStore(home, StoreKind.MODELS).open(done.tag)
export_version(version_in(folder, StoreKind.MODELS), str(place) + ".again.zip")
export_version(version_in(folder, StoreKind.MODELS), str(place) + ".again.tar")
print((peak() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted as Linux does")
@pytest.mark.parametrize("wrapping", ["gz", "xz", "zip"])
def test_what_is_allowed_takes_little_memory_however_large_it_is(wrapping, sound, tmp_path, figures):
    members = with_zeros(sound, LARGE)
    archive = tmp_path / "archive"
    archive.write_bytes(zip_of(members).join() if wrapping == "zip" else TAR_FORMATS[wrapping](tar_of(members)))
    command = [sys.executable, "-c", LOWERED, str(archive), str(tmp_path / "home")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 40, "MiB more than before"
    figures(**{f"{wrapping}, a file of 200 MiB, memory": f"+{int(done.stdout)} MiB"})
