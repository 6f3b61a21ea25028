"""Streams that gzip, xz or bzip2 has compressed: written the same each time, and read in bounded memory to one end."""

from __future__ import annotations

import importlib
import struct
import zlib
from typing import Any, BinaryIO, Protocol

from jubako.errors import InvalidArchive, MissingDependency
from jubako.stores.archives.formats import ArchiveFormat
from jubako.stores.archives.members import damaged, too_much

PIECE_BYTES = 1024 * 1024
"""Of what is read, hashed and written at once."""

FREE_BYTES = 64 * 1024 * 1024
"""That an archive may unpack to whatever its own size is: small files of one value are no attack."""

_INPUT_BYTES = 64 * 1024
# Preset 9 needs 65 MiB; a stream may ask for 4 GiB.
_XZ_MEMORY_BYTES = 128 * 1024 * 1024
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class Sink(Protocol):
    """What is written to."""

    def write(self, data: bytes) -> object:
        """Write bytes."""

    def close(self) -> None:
        """End the stream, not the file below it."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gunzip:
    """zlib's reader of gzip, with the manner of the other two."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


class _Gzip:
    """gzip with a header that says nothing of the time and the system."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._crc = 0
        self._size_bytes = 0
        self._begin = _GZIP_HEADER

    def compress(self, data: bytes) -> bytes:
        self._crc = zlib.crc32(data, self._crc)
        self._size_bytes += len(data)
        begin, self._begin = self._begin, b""
        return begin + self._deflate.compress(data)

    def flush(self) -> bytes:
        return self._begin + self._deflate.flush() + struct.pack("<II", self._crc, self._size_bytes & 0xFFFFFFFF)


class Compressed:
    """Compresses what is written, into a file.

    Args:
        file: open for writing.
        archive_format: one of those that compress a tar.
    """

    def __init__(self, file: BinaryIO, archive_format: ArchiveFormat) -> None:
        self._file = file
        self._compressor: _Compressor
        if archive_format is ArchiveFormat.XZ:
            self._compressor = _standard("lzma").LZMACompressor()
        elif archive_format is ArchiveFormat.BZ2:
            self._compressor = _standard("bz2").BZ2Compressor()
        else:
            self._compressor = _Gzip()

    def write(self, data: bytes) -> None:
        """Compress and write."""
        self._file.write(self._compressor.compress(data))

    def close(self) -> None:
        """Write what is left; the file stays open."""
        self._file.write(self._compressor.flush())


class Plain:
    """Writes what is written, into a file.

    Args:
        file: open for writing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        """Write."""
        self._file.write(data)

    def close(self) -> None:
        """Do nothing; the file stays open."""


class PlainSource:
    """The bytes of a file, and where they end.

    Args:
        file: open for reading.
        where: the archive, for messages.
    """

    def __init__(self, file: BinaryIO, where: object) -> None:
        self._file = file
        self._where = where

    def read(self, size: int) -> bytes:
        """At most `size` of the next bytes; none at the end."""
        return self._file.read(size)

    def expect_end(self) -> None:
        """Nothing is left over: a file ends where it ends."""


class Unpacked:
    """What a compressed file holds: one stream, nothing behind it, and not too much for its size.

    Args:
        file: open for reading.
        archive_format: how it is compressed.
        where: the archive, for messages.
        max_ratio: see `ArchiveSettings`.
    """

    def __init__(self, file: BinaryIO, archive_format: ArchiveFormat, where: object, max_ratio: int) -> None:
        self._file = file
        self._where = where
        self._ratio = Ratio(where, max_ratio)
        self._errors: tuple[type[Exception], ...] = (zlib.error, OSError, EOFError)
        self._stream: _Decompressor
        if archive_format is ArchiveFormat.XZ:
            lzma = _standard("lzma")
            self._errors = (lzma.LZMAError, EOFError)
            self._stream = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)
        elif archive_format is ArchiveFormat.BZ2:
            self._stream = _standard("bz2").BZ2Decompressor()
        else:
            self._stream = _Gunzip()

    def read(self, size: int) -> bytes:
        """At most `size` of the next bytes; none at the end of the stream.

        Raises:
            InvalidArchive: the stream is damaged, or too much for its size.
        """
        while not self._stream.eof:
            data, is_input_gone = self._decompress(min(size, PIECE_BYTES))
            if data:
                self._ratio.unpacked(len(data))
                return data
            if is_input_gone and not self._stream.eof:
                raise damaged(self._where, "It ends too early")
        return b""

    def expect_end(self) -> None:
        """Check that the stream has ended and that the file ends with it.

        Raises:
            InvalidArchive: it does not.
        """
        if self.read(1) or self._stream.unused_data or self._file.read(1):
            raise damaged(self._where, "Something follows its end")

    def _decompress(self, size: int) -> tuple[bytes, bool]:
        """The next bytes, of which there may be none yet, and whether the file has no more to give."""
        needs_input = self._stream.needs_input
        fed = self._file.read(_INPUT_BYTES) if needs_input else b""
        self._ratio.read(len(fed))
        try:
            return self._stream.decompress(fed, size), needs_input and not fed
        except self._errors as error:
            raise damaged(self._where, f"It cannot be unpacked: {error}") from error


def _standard(name: str) -> Any:
    # Pythons that were compiled without a library of the system lack its module, and need it for nothing else here.
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependency(
            f"this Python has no module {name!r}, which the archive needs.",
            why="It was compiled without the library behind it.",
            do="use another format, such as gz, or another Python",
        ) from error


class Ratio:
    """Counts what was read and what came of it.

    Args:
        where: the archive, for messages.
        max_ratio: see `ArchiveSettings`.
    """

    def __init__(self, where: object, max_ratio: int) -> None:
        self._where = where
        self._max_ratio = max_ratio
        self._read = 0
        self._unpacked = 0

    def read(self, size_bytes: int) -> None:
        """Count bytes of the archive."""
        self._read += size_bytes

    def unpacked(self, size_bytes: int) -> None:
        """Count what they have become.

        Raises:
            InvalidArchive: that is too much.
        """
        self._unpacked += size_bytes
        if self._unpacked > FREE_BYTES + self._max_ratio * self._read:
            raise _bomb(self._where, self._read, self._unpacked, self._max_ratio)


def _bomb(where: object, read: int, unpacked: int, max_ratio: int) -> InvalidArchive:
    what = f"{read:,} bytes of it unpack to {unpacked:,} and more, over {max_ratio} times as many"
    return too_much(where, "max_ratio", what)
