"""The payload type of dictionaries: results of several named parts."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from jubako.contracts.payload import Payload
from jubako.errors import InvalidArgument
from jubako.payloads import _pickled, _trees
from jubako.values.payload import EncodedPayload


class DictPayload(Payload):
    """Several named batches of the same number of rows, each of its own type: what a runner returns.

    Given to `run`, a dictionary is one value like any other; given to `run_batch`, one constant for the whole call.
    """

    def from_single(self, single: Any, axis: int) -> Any:
        """A list of one row, the dictionary."""
        return self.payloads.for_value([]).from_single(single, axis)

    def is_batch(self, value: Any) -> bool:
        """Never: given to `run_batch`, it is one constant."""
        return False

    def count_rows(self, batch: Any, axis: int) -> int:
        """The rows that all parts have."""
        counts = {key: self.payloads.for_value(part).count_rows(part, axis) for key, part in batch.items()}
        if len(set(counts.values())) != 1:
            raise InvalidArgument(
                f"the {len(batch)} parts of a dictionary have {sorted(set(counts.values()))} rows.",
                do="give all parts the same rows",
            )
        return next(iter(counts.values()))

    def fit_key(self, batch: Any, axis: int) -> Hashable:
        """The names and keys of all parts, in order."""
        parts = ((key, self.payloads.for_value(part), part) for key, part in batch.items())
        return tuple((key, payload.name, payload.fit_key(part, axis)) for key, payload, part in parts)

    def join(self, batches: Sequence[Any], axis: int) -> Any:
        """Each part joined.

        Raises:
            InvalidArgument: not all have the parts of the first.
        """
        first = batches[0]
        for batch in batches:
            if batch.keys() != first.keys():
                raise InvalidArgument(f"a dictionary with {list(first)} cannot be joined with one with {list(batch)}.")
        return {
            key: self.payloads.for_value(part).join([batch[key] for batch in batches], axis)
            for key, part in first.items()
        }

    def cut(self, batch: Any, start: int, stop: int, axis: int) -> Any:
        """Each part cut."""
        return {key: self.payloads.for_value(part).cut(part, start, stop, axis) for key, part in batch.items()}

    def row(self, batch: Any, index: int, axis: int) -> Any:
        """One row of each part."""
        return {key: self.payloads.for_value(part).row(part, index, axis) for key, part in batch.items()}

    def size_bytes(self, batch: Any) -> int:
        """The sum over the parts."""
        return sum(self.payloads.for_value(part).size_bytes(part) for part in batch.values())

    def encode(self, batch: Any) -> EncodedPayload:
        """The names and, as a tuple is laid out, the parts; with names that are no text the whole like a list."""
        if not all(type(key) is str and key.isprintable() for key in batch):
            return _trees.encode(self.name, batch) or _pickled.encode(self.name, batch)
        parts = self.payloads.named("tuple").encode(tuple(batch.values()))
        return EncodedPayload(self.name, {**parts.header, "keys": list(batch)}, parts.buffers)

    def decode(self, encoded: EncodedPayload) -> Any:
        """A plain dictionary."""
        if _pickled.is_pickled(encoded):
            return _pickled.decode(encoded)
        if _trees.is_tree(encoded):
            return _trees.decode(encoded)
        header = {"parts": encoded.header["parts"]}
        parts = self.payloads.named("tuple").decode(EncodedPayload("tuple", header, encoded.buffers))
        return dict(zip(encoded.header["keys"], parts, strict=True))
