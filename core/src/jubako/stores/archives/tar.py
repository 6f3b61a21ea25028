"""Tar archives, written in one fixed way and read without Python's own reader."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from jubako.stores.archives.compression import PIECE_BYTES, Sink
from jubako.stores.archives.members import Member, Read, damaged, refused
from jubako.stores.archives.tar_headers import BLOCK_BYTES, Header, check_extended, decode, encode, extend, padding

_END = bytes(2 * BLOCK_BYTES)
# Other programs fill the last record of 20 blocks, or more if they are told so.
_MAX_PADDING_BYTES = 1024 * 1024


class Source(Protocol):
    """What a tar is read from."""

    def read(self, size: int) -> bytes:
        """At most `size` of the next bytes; none at the end."""

    def expect_end(self) -> None:
        """Check that nothing is left."""


class TarWriter:
    """Writes members one after the other.

    Args:
        sink: where to.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def add(self, member: Member, pieces: Iterable[bytes]) -> None:
        """Write a file; the pieces must have as many bytes as the member says."""
        self._sink.write(encode(member))
        for piece in pieces:
            self._sink.write(piece)
        self._sink.write(padding(member.size_bytes))

    def close(self) -> None:
        """Write the end."""
        self._sink.write(_END)
        self._sink.close()


def read_tar(source: Source, where: object) -> Generator[tuple[Member, Read], None, None]:
    """The members of a tar, in its order; what is left of one when the next is asked for is passed over.

    Args:
        source: the tar.
        where: the archive, for messages.

    Raises:
        InvalidArchive: it is damaged, or has something else than files and folders.
    """
    while (header := _next_header(source, where)) is not None:
        body = _Body(source, header, where)
        yield Member(header.name, header.size_bytes, header.kind == "folder", header.is_executable), body.read
        body.skip()
    _expect_padding(source, where)


class _Body:
    def __init__(self, source: Source, header: Header, where: object) -> None:
        self._source = source
        self._header = header
        self._where = where
        self._left = header.size_bytes

    def read(self, size: int) -> bytes:
        data = self._source.read(min(size, self._left)) if self._left else b""
        if self._left and not data:
            raise refused(self._where, self._header.name, "is cut short", why="The archive ends within it.")
        self._left -= len(data)
        return data

    def skip(self) -> None:
        while self.read(PIECE_BYTES):
            pass
        rest = -self._header.size_bytes % BLOCK_BYTES
        if any(_exactly(self._source, rest, self._where)):
            raise refused(self._where, self._header.name, "is followed by bytes that belong to nothing")


def _next_header(source: Source, where: object) -> Header | None:
    records: bytes | None = None
    while True:
        block = _exactly(source, BLOCK_BYTES, where)
        if not any(block):
            if records is not None or any(_exactly(source, BLOCK_BYTES, where)):
                raise damaged(where, "It does not end as a tar does")
            return None
        header = decode(block, where)
        if header.kind != "extended":
            return header if records is None else extend(header, records, where)
        if records is not None:
            raise refused(where, header.name, "is a second extended header of one member")
        check_extended(header, where)
        records = _exactly(source, header.size_bytes, where)
        _exactly(source, -header.size_bytes % BLOCK_BYTES, where)


def _expect_padding(source: Source, where: object) -> None:
    left = _MAX_PADDING_BYTES
    while data := source.read(PIECE_BYTES):
        left -= len(data)
        if any(data) or left < 0:
            raise damaged(where, "Something follows its end")
    source.expect_end()


def _exactly(source: Source, size: int, where: object) -> bytes:
    parts: list[bytes] = []
    left = size
    while left:
        data = source.read(left)
        if not data:
            raise damaged(where, "It ends too early")
        parts.append(data)
        left -= len(data)
    return b"".join(parts)
