"""Zip archives, written in one fixed way by Python's writer, and read by `zip_directory` and nothing else."""

from __future__ import annotations

import contextlib
import stat
import zipfile
import zlib
from collections.abc import Generator, Iterable
from typing import BinaryIO

from jubako.stores.archives.compression import PIECE_BYTES, Ratio
from jubako.stores.archives.members import Member, Read, damaged, refused
from jubako.stores.archives.zip_directory import STORED, Entry, enter, leave, read_directory

# The first moment that a zip can name.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_INPUT_BYTES = 64 * 1024


class ZipWriter:
    """Writes members one after the other.

    Args:
        file: open for writing, at its begin.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)

    def add(self, member: Member, pieces: Iterable[bytes]) -> None:
        """Write a file; the pieces must have as many bytes as the member says."""
        info = zipfile.ZipInfo(member.name, _TIME)
        info.create_system = _UNIX
        info.external_attr = (stat.S_IFREG | (0o755 if member.is_executable else 0o644)) << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        info.file_size = member.size_bytes
        try:
            with self._zip.open(info, "w") as entry:
                for piece in pieces:
                    entry.write(piece)
        except BaseException:
            # Otherwise Python closes it later, when the file below it is closed already, and complains on stderr.
            with contextlib.suppress(OSError, ValueError):
                self._zip.close()
            raise

    def close(self) -> None:
        """Write the directory; the file stays open."""
        self._zip.close()


def read_zip(
    file: BinaryIO, where: object, max_members: int, max_ratio: int
) -> Generator[tuple[Member, Read], None, None]:
    """The members of a zip, in the order in which they stand in it.

    Args:
        file: open for reading.
        where: the archive, for messages.
        max_members: see `ArchiveSettings`.
        max_ratio: see `ArchiveSettings`.

    Raises:
        InvalidArchive: it is damaged, or has something else than files and folders.
    """
    entries, end = read_directory(file, where, max_members)
    ratio = Ratio(where, max_ratio)
    place = 0
    for entry in entries:
        enter(file, entry, place, where)
        if file.tell() + entry.packed_bytes > end:
            raise refused(where, entry.member.name, "is cut short", why="The archive ends within it.")
        content = _Content(file, entry, where, ratio)
        yield entry.member, content.read
        content.finish()
        place = leave(file, entry, where)
    if place != end:
        raise damaged(where, "Something stands between its files and its directory")


class _Content:
    """What one entry holds; read to its end, which is checked, by `finish`."""

    def __init__(self, file: BinaryIO, entry: Entry, where: object, ratio: Ratio) -> None:
        self._file = file
        self._entry = entry
        self._where = where
        self._ratio = ratio
        self._packed_left = entry.packed_bytes
        self._inflate = None if entry.method == STORED else zlib.decompressobj(-zlib.MAX_WBITS)
        self._crc = 0
        self._size_bytes = 0

    def read(self, size: int) -> bytes:
        data = self._next(min(size, PIECE_BYTES))
        self._crc = zlib.crc32(data, self._crc)
        self._size_bytes += len(data)
        if self._size_bytes > self._entry.member.size_bytes:
            raise self._refused("is longer than it says")
        return data

    def finish(self) -> None:
        while self.read(PIECE_BYTES):
            pass
        if self._size_bytes != self._entry.member.size_bytes:
            raise self._refused("is shorter than it says")
        if self._crc != self._entry.crc:
            raise self._refused("is damaged", why="Its checksum is another.")
        if self._inflate is not None and (not self._inflate.eof or self._inflate.unused_data):
            raise self._refused("does not end where it says")
        if self._packed_left:
            raise self._refused("does not end where it says")

    def _next(self, size: int) -> bytes:
        if self._inflate is None:
            data = self._take(size)
            self._ratio.unpacked(len(data))
            return data
        while not self._inflate.eof:
            tail = self._inflate.unconsumed_tail
            fed = tail or self._take(_INPUT_BYTES)
            try:
                data = self._inflate.decompress(fed, size)
            except zlib.error as error:
                raise self._refused("is damaged", why=f"It cannot be unpacked: {error}.") from error
            if data:
                self._ratio.unpacked(len(data))
                return data
            if not fed:
                break
        return b""

    def _take(self, size: int) -> bytes:
        data = self._file.read(min(size, self._packed_left)) if self._packed_left else b""
        self._packed_left -= len(data)
        self._ratio.read(len(data))
        return data

    def _refused(self, what: str, why: str = "") -> Exception:
        return refused(self._where, self._entry.member.name, what, why=why)
