"""The pages of a Parquet file: how large they say that they become, before anything is decompressed.

The footer says it too, but a reader makes room by what the header of each page says.
Source: https://github.com/apache/parquet-format (parquet.thrift), in Thrift's compact protocol.
"""

from __future__ import annotations

from typing import Any

import attrs

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 12
_WHOLE_NUMBERS = (4, 5, 6)
_MOST_LEVELS = 16
# Numbers of the fields of a page's header, and of the headers that may stand in it.
_UNCOMPRESSED_SIZE, _COMPRESSED_SIZE, _DATA_PAGE, _DATA_PAGE_V2 = 2, 3, 5, 8
_COUNT, _ENCODING, _ENCODING_V2 = 1, 2, 4
# Each value repeats the beginning of the one before it, as long as it says: a bomb that no size in the file shows.
_DELTA_BYTE_ARRAY = 7


class DamagedPage(ValueError):
    """The header of a page cannot be read, or holds what is not taken."""


@attrs.frozen
class Page:
    """What the header of a page says.

    Args:
        header_bytes: its own length.
        compressed_bytes: of the page behind it.
        uncompressed_bytes: what the page becomes.
        values: how many there are, missing ones too; 0 for a dictionary.
    """

    header_bytes: int
    compressed_bytes: int
    uncompressed_bytes: int
    values: int


def read_page_header(body: bytes, start: int) -> Page:
    """Return what the header of a page says.

    Raises:
        DamagedPage: it cannot be read, or its values are encoded in a way whose size cannot be told.
    """
    cursor = _Cursor(body, start)
    try:
        fields = cursor.struct()
    except IndexError:
        raise DamagedPage("The header of a page is cut off.") from None
    sizes = fields.get(_UNCOMPRESSED_SIZE), fields.get(_COMPRESSED_SIZE)
    values = 0
    for number, encoding_number in ((_DATA_PAGE, _ENCODING), (_DATA_PAGE_V2, _ENCODING_V2)):
        header = fields.get(number)
        if isinstance(header, dict):
            if header.get(encoding_number) == _DELTA_BYTE_ARRAY:
                raise DamagedPage("Values are in the encoding DELTA_BYTE_ARRAY, which is not taken.")
            count = header.get(_COUNT)
            values += count if isinstance(count, int) else -1
    uncompressed, compressed = sizes
    if (
        not isinstance(uncompressed, int)
        or not isinstance(compressed, int)
        or min(uncompressed, compressed, values) < 0
    ):
        raise DamagedPage("The header of a page has no sizes.")
    return Page(cursor.position - start, compressed, uncompressed, values)


class _Cursor:
    """Reads Thrift's compact protocol; a number that stands twice counts as the last, as in Thrift's own readers."""

    def __init__(self, body: bytes, position: int) -> None:
        self._body = body
        self.position = position

    def struct(self, level: int = 0) -> dict[int, Any]:
        if level > _MOST_LEVELS:
            raise DamagedPage("The header of a page is nested too deep.")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._value(head & 15, level)
        return fields

    def _value(self, kind: int, level: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in _WHOLE_NUMBERS:
            return self._signed()
        if kind == _STRUCT:
            return self.struct(level + 1)
        if kind == _BYTE:
            return self._byte()
        if kind in (_DOUBLE, _BINARY):
            length = 8 if kind == _DOUBLE else self._unsigned()
            self.position += length
            return None
        # No header of a page has lists, sets or maps.
        raise DamagedPage("The header of a page has a field that no header has.")

    def _byte(self) -> int:
        value = self._body[self.position]
        self.position += 1
        return value

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise DamagedPage("A number in the header of a page is too long.")

    def _signed(self) -> int:
        value = self._unsigned()
        signed = (value >> 1) ^ -(value & 1)
        # Readers cut to 32 bits what is longer, and would see another number.
        if not -(2**31) <= signed < 2**31:
            raise DamagedPage("A number in the header of a page is too large.")
        return signed
