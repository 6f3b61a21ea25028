"""The payload types of lists and of single Python values, which are batched as lists."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import orjson

from jubako.contracts.payload import Payload
from jubako.errors import InvalidArgument
from jubako.payloads import _pickled, _trees
from jubako.payloads.sizes import deep_size_bytes
from jubako.values.payload import EncodedPayload

_MAX_JSON_DEPTH = 64


class ListPayload(Payload):
    """Lists of anything; all lists fit each other. Rows are along axis 0."""

    def from_single(self, single: Any, axis: int) -> Any:
        """The list is one row of a new list."""
        _check_axis(axis)
        return [single]

    def is_batch(self, value: Any) -> bool:
        """Every list is rows."""
        return True

    def count_rows(self, batch: Any, axis: int) -> int:
        """Its length."""
        _check_axis(axis)
        return len(batch)

    def fit_key(self, batch: Any, axis: int) -> Hashable:
        """One key for all lists."""
        return None

    def join(self, batches: Sequence[Any], axis: int) -> Any:
        """One new list of the same items."""
        return [item for batch in batches for item in batch]

    def cut(self, batch: Any, start: int, stop: int, axis: int) -> Any:
        """A new list of the same items."""
        return batch[start:stop]

    def row(self, batch: Any, index: int, axis: int) -> Any:
        """The item."""
        return batch[index]

    def size_bytes(self, batch: Any) -> int:
        """What the list and all that is in it take; of long lists an estimate."""
        return deep_size_bytes(batch, self.payloads)

    def encode(self, batch: Any) -> EncodedPayload:
        """Bytes as buffers, JSON-like items as JSON, also with arrays in them; all others as a private pickle."""
        if batch and all(type(item) is bytes for item in batch):
            return EncodedPayload(self.name, {"layout": "bytes"}, tuple(batch))
        if all(_is_json_like(item, _MAX_JSON_DEPTH) for item in batch):
            return EncodedPayload(self.name, {"layout": "json"}, (orjson.dumps(batch),))
        return _trees.encode(self.name, batch) or _pickled.encode(self.name, batch)

    def decode(self, encoded: EncodedPayload) -> Any:
        """A new list."""
        if _pickled.is_pickled(encoded):
            return _pickled.decode(encoded)
        if _trees.is_tree(encoded):
            return _trees.decode(encoded)
        if encoded.header["layout"] == "bytes":
            return [bytes(buffer) for buffer in encoded.buffers]
        return orjson.loads(encoded.buffers[0])


class ScalarPayload(ListPayload):
    """Numbers, text and every other value: one row each, and no batch by itself."""

    def is_batch(self, value: Any) -> bool:
        """Never: given to `run_batch`, it is one constant for the whole call."""
        return False

    def count_rows(self, batch: Any, axis: int) -> int:
        """None: the value is no batch.

        Raises:
            InvalidArgument: always.
        """
        raise InvalidArgument(
            f"a value of type {type(batch).__name__} is no batch.",
            do="give or return an array, a frame, a series, a list, or a tuple or dictionary of these",
        )


def _check_axis(axis: int) -> None:
    if axis != 0:
        raise InvalidArgument(f"lists have rows along axis 0 only, not {axis}.", do="use arrays for other batch axes")


def _is_json_like(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind is str:
        return _is_unicode(value)
    if kind is float:
        return math.isfinite(value)
    if kind is int:
        return bool(-(2**63) <= value < 2**64)
    if kind is bool or value is None:
        return True
    if depth == 0:
        return False
    if kind is list:
        return all(_is_json_like(item, depth - 1) for item in value)
    if kind is dict:
        return all(
            type(key) is str and _is_unicode(key) and _is_json_like(item, depth - 1) for key, item in value.items()
        )
    return False


def _is_unicode(text: str) -> bool:
    # A lone surrogate is a str in Python, and nothing in UTF-8.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
