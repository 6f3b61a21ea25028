"""Thrift's compact protocol, as far as Parquet uses it: structs of fields that have a number and a kind.

Stricter than readers in C++, so that both see the same: no field stands twice, and none has another kind than asked.
Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from typing import Any

INT32, INT64, TEXT, LIST, STRUCT = 5, 6, 8, 9, 12
_TRUE, _FALSE, _BYTE, _INT16, _DOUBLE, _SET = 1, 2, 3, 4, 7, 10
_BITS = {_INT16: 16, INT32: 32, INT64: 64}
_MOST_LEVELS = 16
# Less than a second of work; Parquet's writers need about 40 for each column.
_MOST_VALUES = 500_000

Struct = dict[int, tuple[int, Any]]


class Damaged(ValueError):
    """What was read is no struct, or none that is taken."""


def find(struct: Struct, number: int, kind: int) -> Any:
    """Return the value of a field, or None if it is missing.

    Raises:
        Damaged: it has another kind, for which other readers would pass it over.
    """
    found, value = struct.get(number, (kind, None))
    if found != kind:
        raise Damaged("A field has another kind than the format says.")
    return value


def find_number(struct: Struct, number: int, kind: int) -> int:
    """Return a whole number of 0 or more that must be there.

    Raises:
        Damaged: it is not.
    """
    value: int | None = find(struct, number, kind)
    if value is None or value < 0:
        raise Damaged("A number is missing, or negative.")
    return value


class Reader:
    """Reads structs from a body, from a position on; that moves behind what was read."""

    def __init__(self, body: bytes, position: int) -> None:
        self._body = body
        self._values_left = _MOST_VALUES
        self.position = position

    def struct(self, level: int = 0) -> Struct:
        """Return the fields of a struct by number, each with its kind.

        Text is None; lists are of structs, or None for those of anything else.

        Raises:
            Damaged: it is none.
        """
        if level > _MOST_LEVELS:
            raise Damaged("Structs are nested too deep.")
        fields: Struct = {}
        number = 0
        try:
            while head := self._byte():
                number = number + (head >> 4) if head >> 4 else self._signed(16)
                if number in fields:
                    raise Damaged("A field stands twice.")
                kind = head & 15
                value = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, level)
                fields[number] = kind, value
        except IndexError:
            raise Damaged("A struct is cut off.") from None
        return fields

    def _value(self, kind: int, level: int) -> Any:
        self._values_left -= 1
        if self._values_left < 0:
            raise Damaged(f"There are more than {_MOST_VALUES} values.")
        if kind in _BITS:
            return self._signed(_BITS[kind])
        if kind == STRUCT:
            return self.struct(level + 1)
        if kind in (LIST, _SET):
            return self._list(level + 1)
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind not in (_DOUBLE, TEXT):
            # Parquet has no maps.
            raise Damaged("A field has a kind that Parquet does not have.")
        length = 8 if kind == _DOUBLE else self._unsigned()
        self.position += length
        return None

    def _list(self, level: int) -> list[Struct] | None:
        if level > _MOST_LEVELS:
            raise Damaged("Lists are nested too deep.")
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:
            count = self._unsigned()
        values = [self._value(kind, level) for _ in range(count)]
        return values if kind == STRUCT else None

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
                raise Damaged("A number is too long.")

    def _signed(self, bits: int) -> int:
        value = self._unsigned()
        signed = (value >> 1) ^ -(value & 1)
        # Other readers cut off what is too long, and see another number.
        if not -(1 << bits - 1) <= signed < 1 << bits - 1:
            raise Damaged("A number is too large.")
        return signed
