"""The device's curve: what it learns, believes and forgets."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.values.batch_profile import SizeCost
from jubako_torch_runner.curve import DeviceCurve

SIZES = (1, 2, 4, 8, 16, 32)


def curve_of(seconds):
    curve = DeviceCurve()
    curve.know(SizeCost(rows, seconds(rows)) for rows in SIZES)
    return curve


def block_seconds(rows):
    return 2e-3 + 0.5e-3 * math.ceil(rows / 8)


def test_nothing_is_known_before_three_batches_or_a_profile():
    curve = DeviceCurve()
    curve.learn(4, 0.01)
    curve.learn(4, 0.01)
    assert not curve.is_known
    curve.learn(4, 0.01)
    assert curve.is_known
    assert curve_of(block_seconds).is_known


def test_sizes_between_two_that_are_known_lie_between_them():
    curve = curve_of(lambda rows: rows * 1e-3)
    assert curve.seconds(12) == pytest.approx(12e-3)
    assert curve.seconds(64) == pytest.approx(64e-3)
    assert curve.seconds(0) == 0.0


def test_blocks_of_the_device_are_found_without_a_profile():
    noise = random.Random(1)
    curve = DeviceCurve()
    for _ in range(2000):
        rows = noise.randint(1, 37)
        slow = 20 if noise.random() < 0.02 else 1
        curve.learn(rows, block_seconds(rows) * noise.uniform(0.97, 1.03) * slow)
    for rows in range(1, 38):
        assert curve.seconds(rows) == pytest.approx(block_seconds(rows), rel=0.15)


def test_one_outlier_changes_next_to_nothing():
    curve = curve_of(block_seconds)
    curve.learn(8, 10.0)
    assert curve.seconds(8) < 1.15 * block_seconds(8)
    assert curve.seconds(32) < 1.1 * block_seconds(32)


def test_what_was_slow_because_it_was_the_first_is_forgotten():
    curve = DeviceCurve()
    for seconds in (2.0, 0.01, 0.01):
        curve.learn(8, seconds)
    assert curve.seconds(8) == pytest.approx(0.01)


def test_a_throttled_device_is_noticed_and_believed_in_part_of_other_sizes():
    curve = curve_of(block_seconds)
    for _ in range(40):
        curve.learn(8, 2 * block_seconds(8))
    assert curve.seconds(8) == pytest.approx(2 * block_seconds(8), rel=0.05)
    assert curve.seconds(32) > 1.3 * block_seconds(32)
    for _ in range(40):
        curve.learn(8, block_seconds(8))
    assert curve.seconds(8) == pytest.approx(block_seconds(8), rel=0.05)
    assert curve.seconds(32) == pytest.approx(block_seconds(32), rel=0.1)


def test_sizes_that_did_not_run_for_long_are_dropped_unless_they_were_measured():
    curve = curve_of(block_seconds)
    curve.learn(5, 0.003)
    for _ in range(400):
        curve.learn(8, block_seconds(8))
    assert curve.sizes == list(SIZES)


def test_a_thousand_sizes_stay_a_few():
    curve = DeviceCurve()
    for rows in range(1, 1025):
        curve.learn(rows, rows * 1e-4)
    assert len(curve.sizes) <= 64 + 32 * 4


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.floats(0.0, 100.0)), max_size=60),
    st.lists(st.integers(1, 4000), min_size=2, max_size=20),
)
def test_more_rows_never_cost_less(samples, asked):
    curve = DeviceCurve()
    for rows, seconds in samples:
        curve.learn(rows, seconds)
    costs = [curve.seconds(rows) for rows in sorted(asked)]
    assert all(cost >= 0 and math.isfinite(cost) for cost in costs)
    assert all(after >= before * (1 - 1e-9) for before, after in itertools.pairwise(costs))
