"""The messages of an Arrow stream: how large their buffers become, before anything is decompressed.

Source: https://arrow.apache.org/docs/format/Columnar.html (Message.fbs), as FlatBuffers lays it out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

# Numbers of the fields of the tables Message, DictionaryBatch and RecordBatch.
_HEADER, _DATA, _LENGTH, _NODES, _BUFFERS, _COMPRESSION = 2, 1, 0, 1, 2, 3
_STRUCT_BYTES = 16
_NOT_COMPRESSED = -1


def measure_batch(metadata: bytes, body: bytes, *, is_dictionary: bool) -> tuple[int, int]:
    """Return how many values a message of a batch has, those of nested arrays too, and the bytes of its buffers.

    Args:
        metadata: of the message, as checked by Arrow.
        body: of the message.
        is_dictionary: the message is a dictionary's.

    Raises:
        ValueError: it has no batch, or a size is negative.
        struct.error: it is cut off.
    """
    message = struct.unpack_from("<I", metadata)[0]
    batch = _table(metadata, message, _HEADER)
    if is_dictionary:
        batch = _table(metadata, batch, _DATA)
    length_at = _field(metadata, batch, _LENGTH)
    values = struct.unpack_from("<q", metadata, length_at)[0] if length_at else 0
    for length, _ in _structs(metadata, batch, _NODES):
        values += length
    is_compressed = bool(_field(metadata, batch, _COMPRESSION))
    size_bytes = 0
    for offset, length in _structs(metadata, batch, _BUFFERS):
        size_bytes += _uncompressed(body, offset, length) if is_compressed and length else length
    return values, size_bytes


def _uncompressed(body: bytes, offset: int, length: int) -> int:
    size: int = struct.unpack_from("<q", body, offset)[0]
    if size < _NOT_COMPRESSED:
        raise ValueError("The size of a buffer is negative.")
    return length if size == _NOT_COMPRESSED else size


def _field(metadata: bytes, table: int, number: int) -> int:
    """Where a field of a table stands, or 0 if it has its default."""
    layout = table - struct.unpack_from("<i", metadata, table)[0]
    layout_bytes = struct.unpack_from("<H", metadata, layout)[0]
    place = 4 + 2 * number
    offset = struct.unpack_from("<H", metadata, layout + place)[0] if place < layout_bytes else 0
    return table + offset if offset else 0


def _table(metadata: bytes, table: int, number: int) -> int:
    place = _field(metadata, table, number)
    if not place:
        raise ValueError("A message has no batch.")
    target: int = place + struct.unpack_from("<I", metadata, place)[0]
    return target


def _structs(metadata: bytes, table: int, number: int) -> Iterator[tuple[int, int]]:
    """The pairs of a list; both numbers are 0 or more."""
    place = _field(metadata, table, number)
    if not place:
        return
    start = place + struct.unpack_from("<I", metadata, place)[0]
    count = struct.unpack_from("<I", metadata, start)[0]
    for position in range(count):
        first, second = struct.unpack_from("<qq", metadata, start + 4 + position * _STRUCT_BYTES)
        if first < 0 or second < 0:
            raise ValueError("A size in a message is negative.")
        yield first, second
