"""`PayloadTypeTests`: the contract of payload types, for plugins' own tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from jubako.contracts.payload import Payload
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.testing._required import required_name
from jubako.values.payload import EncodedPayload


class PayloadTypeTests:
    """Subclass it as `TestX`, name the payload type, and give batches of it.

    Attributes:
        name: the offer's name.
        axes: the batch axes that the type supports.
    """

    name: str = required_name("payload type")
    axes: Sequence[int] = (0,)

    def batches(self) -> Sequence[Any]:
        """Batches of at least two rows that fit each other, along every one of `axes`; at least two of them."""
        raise NotImplementedError("return batches")

    def misfits(self) -> Sequence[Any]:
        """Batches that fit none of `batches` and none of each other; may be empty."""
        return ()

    def same(self, left: Any, right: Any) -> bool:
        """True if two values are equal in type, dtype and content."""
        return type(left) is type(right) and bool(left == right)

    @pytest.fixture
    def payload(self) -> Payload:
        """The payload type, from everything that is installed."""
        return PayloadTable(compose()).named(self.name)

    def test_a_value_finds_this_type(self, payload: Payload) -> None:
        for batch in self.batches():
            assert payload.payloads.for_value(batch) is payload

    def test_fitting_batches_have_equal_keys_and_misfits_have_others(self, payload: Payload) -> None:
        for axis in self.axes:
            keys = {payload.fit_key(batch, axis) for batch in self.batches()}
            assert len(keys) == 1
            others = [payload.fit_key(batch, axis) for batch in self.misfits()]
            assert len({*keys, *others}) == 1 + len(others)

    def test_joined_batches_cut_into_what_they_were(self, payload: Payload) -> None:
        batches = self.batches()
        for axis in self.axes:
            joined = payload.join(batches, axis)
            start = 0
            for batch in batches:
                stop = start + payload.count_rows(batch, axis)
                assert self.same(payload.cut(joined, start, stop, axis), batch)
                start = stop
            assert payload.count_rows(joined, axis) == start

    def test_a_row_is_a_single_of_which_a_batch_can_be_made(self, payload: Payload) -> None:
        for axis in self.axes:
            for batch in self.batches():
                for index in range(payload.count_rows(batch, axis)):
                    single = payload.row(batch, index, axis)
                    back = payload.payloads.for_value(single).from_single(single, axis)
                    assert payload.payloads.for_value(back).count_rows(back, axis) == 1

    def test_cutting_nothing_gives_no_rows(self, payload: Payload) -> None:
        for axis in self.axes:
            for batch in self.batches():
                assert payload.count_rows(payload.cut(batch, 0, 0, axis), axis) == 0

    def test_sizes_are_not_negative_and_grow_with_rows(self, payload: Payload) -> None:
        batches = self.batches()
        for axis in self.axes:
            assert 0 <= payload.size_bytes(batches[0]) <= payload.size_bytes(payload.join(batches, axis))

    def test_what_was_encoded_is_decoded_to_the_same(self, payload: Payload) -> None:
        for batch in (*self.batches(), *self.misfits()):
            encoded = payload.encode(batch)
            assert encoded.payload_type == self.name
            moved = EncodedPayload(self.name, encoded.header, tuple(bytes(part) for part in encoded.buffers))
            assert self.same(payload.decode(moved), batch)
