"""Values as parts of a frame: which payload type wrote them, its header, and how many of the buffers are theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from jubako.contracts.payload import Payload
from jubako.errors import JubakoError, RunnerFailed
from jubako.payloads import PayloadTable
from jubako.values.payload import EncodedPayload

# How a value was laid out: as rows, as one value by its own payload type, or as the only item of a list.
_ROWS = 0
_ONE = 1
_ITEM = 2


@attrs.frozen(eq=False)
class PartToRead:
    """A value that has not been decoded.

    Args:
        encoded: header and buffers.
        layout: how it was laid out.
    """

    encoded: EncodedPayload
    layout: int

    @property
    def has_rows(self) -> bool:
        """True if it was written as rows, False if as one value."""
        return self.layout == _ROWS

    def decode(self, table: PayloadTable) -> Any:
        """The value; arrays lie on the frame's own memory."""
        value = table.named(self.encoded.payload_type).decode(self.encoded)
        return value[0] if self.layout == _ITEM else value


def write_rows(payload: Payload, rows: Any, buffers: list[Any]) -> list[Any]:
    """Append the buffers of rows, and return their part of the meta."""
    return _write(payload.encode(rows), _ROWS, buffers)


def write_value(table: PayloadTable, value: Any, buffers: list[Any]) -> list[Any]:
    """Append the buffers of any one value, and return its part of the meta."""
    payload = table.for_value(value)
    # A tuple may hold parts that are no rows, and a list is as well off inside another one.
    if isinstance(value, list | tuple) or not payload.is_batch(value):
        return _write(table.for_value([]).encode([value]), _ITEM, buffers)
    return _write(payload.encode(value), _ONE, buffers)


def next_part(part: Sequence[Any], buffers: Iterator[Any]) -> PartToRead:
    """Take one part of the meta and the buffers that belong to it; nothing is decoded yet."""
    name, header, count, layout = part
    return PartToRead(EncodedPayload(name, header, tuple([next(buffers) for _ in range(count)])), layout)


def unsendable(runner_name: str, what: str, error: Exception) -> RunnerFailed:
    """The error of a call of which `what` cannot be laid out, or cannot be read in the other process."""
    failure = RunnerFailed(
        f"{what} of runner {runner_name!r} cannot go from one process to the other.",
        why=error.message if isinstance(error, JubakoError) else f"{type(error).__name__}: {error}",
        do="use arrays, frames, numbers, text, bytes, lists or dictionaries, or what both processes can pickle; "
        "or serve with the inline backend",
    )
    failure.__cause__ = error
    return failure


def _write(encoded: EncodedPayload, layout: int, buffers: list[Any]) -> list[Any]:
    buffers.extend(encoded.buffers)
    return [encoded.payload_type, dict(encoded.header), len(encoded.buffers), layout]
