from __future__ import annotations

import datetime as dt
import enum
import itertools

import numpy as np
import pytest

from jubako.contracts.backend import RunnerCall
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.runners import Runner
from jubako.runners.arguments import constant_key, prepare_arguments
from jubako.values.resources import BatchOptions


class Color(enum.Enum):
    RED = 1


ZONE = dt.timezone(dt.timedelta(hours=1))
EQUAL_AND_NOT_THE_SAME = [
    [1, 1.0, True, 1 + 0j, np.int64(1), np.float32(1), np.float64(1), np.bool_(True), Color.RED, "1", b"1"],
    [0.0, -0.0, 0, False, np.float64(-0.0), np.float64(0.0)],
    [frozenset([1]), frozenset([True])],
    [dt.datetime(2026, 1, 1, 1, tzinfo=ZONE), dt.datetime(2026, 1, 1, 0, tzinfo=dt.UTC)],
    [np.datetime64("2026-01-01", "D"), np.datetime64("2026-01-01", "s")],
]


@pytest.mark.parametrize("values", EQUAL_AND_NOT_THE_SAME)
def test_calls_are_not_joined_for_constants_that_are_only_equal(values):
    for one, other in itertools.combinations(values, 2):
        assert constant_key(one) != constant_key(other)


@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: 12345678901234567890,
        lambda: str(b"text", "ascii"),
        lambda: bytes([1, 2, 3]),
        lambda: float("nan"),
        lambda: -0.0,
        lambda: complex(1, -0.0),
        lambda: Color.RED,
        lambda: np.float32(0.1),
        lambda: np.datetime64("2026-01-01", "s"),
    ],
)
def test_calls_are_joined_for_constants_that_are_the_same(make):
    assert constant_key(make()) == constant_key(make())


class Prompted(Runner):
    def _setup(self):
        pass

    def _run_batch(self, rows, prompt):
        return rows


@pytest.mark.parametrize("prompt", ["x" * 1_000_000, b"x" * 1_000_000, {"prompt": ["x" * 1_000_000]}])
def test_constants_count_for_the_bytes_of_a_call(prompt):
    spec = Prompted("prompted").find_method("run", BatchOptions())
    call = RunnerCall("run", (np.zeros((1, 2)), prompt), {}, is_single=False, deadline_s=1.0)
    prepared = prepare_arguments(call, spec, PayloadTable(compose(candidates=())))
    assert 1_000_000 < prepared.size_bytes < 1_001_000
