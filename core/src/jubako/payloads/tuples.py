"""The payload type of tuples: results of several parts."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from jubako.contracts.payload import Payload
from jubako.errors import InvalidArgument
from jubako.values.payload import EncodedPayload


class TuplePayload(Payload):
    """Several batches of the same number of rows side by side, each of its own type.

    Given to `run`, a tuple is one value like any other. Given to `run_batch`, it is rows, as a list is.
    """

    def from_single(self, single: Any, axis: int) -> Any:
        """A list of one row, the tuple."""
        return self.payloads.for_value([]).from_single(single, axis)

    def is_batch(self, value: Any) -> bool:
        """Every tuple is rows."""
        return True

    def count_rows(self, batch: Any, axis: int) -> int:
        """The rows that all parts have."""
        counts = {self.payloads.for_value(part).count_rows(part, axis) for part in batch}
        if len(counts) != 1:
            raise InvalidArgument(
                f"the {len(batch)} parts of a tuple have {sorted(counts)} rows.", do="give all parts the same rows"
            )
        return counts.pop()

    def fit_key(self, batch: Any, axis: int) -> Hashable:
        """The keys of all parts."""
        parts = ((self.payloads.for_value(part), part) for part in batch)
        return tuple((payload.name, payload.fit_key(part, axis)) for payload, part in parts)

    def join(self, batches: Sequence[Any], axis: int) -> Any:
        """Each part joined."""
        return tuple(self.payloads.for_value(parts[0]).join(parts, axis) for parts in zip(*batches, strict=True))

    def cut(self, batch: Any, start: int, stop: int, axis: int) -> Any:
        """Each part cut."""
        return tuple(self.payloads.for_value(part).cut(part, start, stop, axis) for part in batch)

    def row(self, batch: Any, index: int, axis: int) -> Any:
        """One row of each part."""
        return tuple(self.payloads.for_value(part).row(part, index, axis) for part in batch)

    def size_bytes(self, batch: Any) -> int:
        """The sum over the parts."""
        return sum(self.payloads.for_value(part).size_bytes(part) for part in batch)

    def encode(self, batch: Any) -> EncodedPayload:
        """The parts one after the other."""
        parts = [self.payloads.for_value(part).encode(part) for part in batch]
        header = {"parts": [[part.payload_type, dict(part.header), len(part.buffers)] for part in parts]}
        return EncodedPayload(self.name, header, tuple(buffer for part in parts for buffer in part.buffers))

    def decode(self, encoded: EncodedPayload) -> Any:
        """A plain tuple, also of what was a named one."""
        buffers = iter(encoded.buffers)
        return tuple(
            self.payloads.named(name).decode(EncodedPayload(name, header, tuple(next(buffers) for _ in range(count))))
            for name, header, count in encoded.header["parts"]
        )
