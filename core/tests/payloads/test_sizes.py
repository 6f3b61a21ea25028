from __future__ import annotations

import sys

import attrs
import numpy as np
import pandas as pd
import pytest

from jubako.payloads import PayloadTable
from jubako.payloads.sizes import deep_size_bytes
from jubako.plugins import compose

TABLE = PayloadTable(compose(candidates=()))
MEGABYTE = "x" * 1_000_000


@attrs.define(slots=False)
class Holder:
    """An object of the user's."""

    held: object


@pytest.mark.parametrize(
    "value",
    [
        MEGABYTE,
        [MEGABYTE],
        {"text": MEGABYTE},
        {MEGABYTE: 1},
        (1, {"a": [{"b": ({"c": [MEGABYTE]},)}]}),
        {frozenset([MEGABYTE])},
        Holder(Holder([MEGABYTE])),
        np.zeros(1_000_000, np.uint8),
        [[{"array": np.zeros(1_000_000, np.uint8)}]],
        [np.zeros((1000, 1000), np.uint8)[::1]],
        [[[[[[[[[[MEGABYTE]]]]]]]]]],
    ],
    ids=range(11),
)
def test_what_lies_at_any_depth_is_counted(value):
    assert 1_000_000 <= deep_size_bytes(value, TABLE) < 1_005_000


def test_what_is_small_is_counted_exactly():
    row = {"n": 1, "name": "iris"}
    parts = [row, *row, *row.values()]
    assert deep_size_bytes([row], TABLE) == sys.getsizeof([row]) + sum(map(sys.getsizeof, parts))


@pytest.mark.parametrize(
    "value",
    [
        [float(number) for number in range(100_000)],
        [{"number": number} for number in range(100_000)],
        [[[float(number)] for number in range(1000)] for _ in range(100)],
        dict.fromkeys(range(100_000), "text"),
    ],
    ids=["numbers", "dictionaries", "lists of lists", "one dictionary"],
)
def test_what_is_large_is_estimated(value):
    def exactly(value):
        inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
        return sys.getsizeof(value) + sum(map(exactly, inside))

    assert deep_size_bytes(value, TABLE) == pytest.approx(exactly(value), rel=0.05)


def test_frames_count_as_their_payload_type_counts_them():
    frame = pd.DataFrame({"a": np.zeros(1000)})
    assert deep_size_bytes([frame], TABLE) == 8000 + sys.getsizeof([frame])


def test_what_holds_itself_is_counted_once():
    circle = [MEGABYTE]
    circle += [circle, {"circle": circle}]
    assert 1_000_000 < deep_size_bytes(circle, TABLE) < 1_001_000
    laughs = [MEGABYTE[:100]]
    for _ in range(64):
        laughs = [laughs, laughs]
    assert deep_size_bytes(laughs, TABLE) < 100_000


def test_classes_and_functions_are_not_opened():
    assert deep_size_bytes([Holder, test_classes_and_functions_are_not_opened], TABLE) < 10_000
