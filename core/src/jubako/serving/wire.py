"""How the records of `serving.control` are written: JSON behind its length.

These sockets are private, yet nothing that comes over them is unpickled.
"""

from __future__ import annotations

import functools
import struct
import types
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Union, get_args

import attrs
import orjson

from jubako._documents import structure
from jubako.errors import InternalServerError
from jubako.serving.control import Record

_LENGTH = struct.Struct(">I")
_MAX_RECORD_BYTES = 64 * 1024 * 1024


def encode(record: Record) -> bytes:
    """The bytes of one record, its length first."""
    fields = attrs.asdict(record, value_serializer=_plain)
    text = orjson.dumps({"record": type(record).__name__, "fields": fields}, default=_default)
    return _LENGTH.pack(len(text)) + text


class Decoder:
    """Cuts a stream of bytes into records."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[Record]:
        """Take some bytes and yield every record that is whole now.

        Raises:
            InternalServerError: they are no records.
        """
        self._received += data
        while len(self._received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received)
            if length > _MAX_RECORD_BYTES:
                raise InternalServerError(f"a record of {length} bytes came over a control link.")
            end = _LENGTH.size + length
            if len(self._received) < end:
                return
            text = bytes(self._received[_LENGTH.size : end])
            del self._received[:end]
            yield _decode(text)


def _decode(text: bytes) -> Record:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InternalServerError("what came over a control link is not JSON.", why=f"{error}.") from error
    name = document.get("record") if isinstance(document, dict) else None
    kind = _kinds().get(name) if isinstance(name, str) else None
    if kind is None:
        raise InternalServerError(f"a record {str(name)[:80]!r} came over a control link.")
    record: Record = structure(document.get("fields"), kind, kind.__name__, error=InternalServerError)
    return record


@functools.cache
def _kinds() -> dict[str, Any]:
    return {kind.__name__: kind for kind in get_args(Union[Record])}  # noqa: UP007 - flattens the alias


def _plain(_instance: object, _attribute: object, value: Any) -> Any:
    return _default(value) if isinstance(value, Path | datetime | types.MappingProxyType) else value


def _default(value: Any) -> Any:
    if isinstance(value, types.MappingProxyType):
        return dict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
