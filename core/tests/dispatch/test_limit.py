from __future__ import annotations

import itertools
import math

from hypothesis import example, given
from hypothesis import strategies as st

from jubako.dispatch.limit import BatchLimit

ROWS = st.integers(1, 5000)


class Device:
    """Computes full batches, and halves those that do not fit, as the dispatcher does."""

    def __init__(self, fits):
        self.fits = fits
        self.failures = 0
        self.sizes = []

    def compute(self, limit):
        """One full batch."""
        rows, too_many = limit.rows, None
        self.sizes.append(rows)
        while rows > self.fits:
            self.failures += 1
            too_many, rows = rows, rows // 2
        limit.learn(rows, too_many, is_full=True)

    def compute_many(self, limit, batches):
        for _ in range(batches):
            self.compute(limit)


def few(option):
    """So many batches find any limit: one halves what is unknown."""
    return 2 * math.ceil(math.log2(option + 1)) + 2


@given(option=ROWS, first=st.none() | ROWS, fits=ROWS)
def test_it_is_never_above_the_option_and_never_below_one(option, first, fits):
    limit, device = BatchLimit(option, first, full_batches=3), Device(fits)
    for _ in range(60):
        device.compute(limit)
        assert 1 <= limit.rows <= option


@given(option=ROWS, share=st.floats(0, 1))
@example(option=128, share=37 / 128)
def test_any_true_limit_is_found_within_a_few_batches_and_kept(option, share):
    fits = max(1, int(option * share))
    limit, device = BatchLimit(option), Device(fits)
    device.compute_many(limit, few(option))
    assert limit.rows == fits
    assert limit.is_settled
    assert device.failures <= 2 * few(option)
    device.failures = 0
    device.compute_many(limit, 200)
    assert (limit.rows, device.failures) == (fits, 0)


@given(option=ROWS, before=st.floats(0, 1), after=st.floats(0, 1))
def test_memory_that_is_freed_or_taken_is_noticed(option, before, after):
    was, becomes = (max(1, int(option * share)) for share in (before, after))
    limit, device = BatchLimit(option, full_batches=4), Device(was)
    device.compute_many(limit, few(option))
    device.fits = becomes
    # Upwards after some full batches, at least four of which go before a try.
    device.compute_many(limit, 4 * few(option) + 16)
    assert max(1, becomes - 1) <= limit.rows <= min(option, becomes + 1)
    if becomes < was:
        assert device.failures


@given(option=st.integers(2, 5000), data=st.data())
def test_less_memory_lowers_it_at_once(option, data):
    limit = BatchLimit(option)
    limit.learn(option, None, is_full=True)
    failing = data.draw(st.integers(2, option))
    limit.learn(failing // 2, failing, is_full=False)
    assert failing // 2 <= limit.rows < failing


def test_trying_in_vain_becomes_rarer():
    limit, device = BatchLimit(128, full_batches=4), Device(37)
    device.compute_many(limit, 1000)
    tries = [number for number, rows in enumerate(device.sizes) if rows == 38][1:]
    gaps = [after - before for before, after in itertools.pairwise(tries)]
    assert gaps
    assert all(after >= 2 * before - 1 for before, after in itertools.pairwise(gaps))


def test_a_measured_limit_is_where_it_begins_and_not_where_it_ends():
    limit, device = BatchLimit(128, 37, full_batches=4), Device(100)
    assert limit.rows == 37
    device.compute_many(limit, 30)
    assert limit.rows == 100
    assert BatchLimit(16, 37).rows == 16


def test_calls_that_never_fill_it_exactly_are_enough_to_learn_more():
    limit = BatchLimit(100, 37, full_batches=4)
    for _ in range(40):
        limit.learn(limit.rows // 5 * 5, None, is_full=True)
    assert limit.rows == 100
