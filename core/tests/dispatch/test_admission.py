from __future__ import annotations

import pytest

from jubako.dispatch.admission import Admission, Amount, Load
from jubako.dispatch.cost import LearnedCost
from jubako.errors import DeadlineExceeded, TooManyRequests
from jubako.values.resources import BatchOptions


def known_cost(*, fixed_s=0.0, per_row_s=0.0):
    cost = LearnedCost()
    for _ in range(30):
        for rows in (1, 8, 64):
            cost.learn(rows, fixed_s + per_row_s * rows)
    return cost


def admission(**options):
    return Admission("r", BatchOptions(max_batch_size=10), **options)


ONE = Amount(calls=1, rows=1)


def test_what_a_replica_computes_now_goes_before_what_waits():
    cost = known_cost(per_row_s=0.01)
    busy = Load(cost, running=[Amount(calls=20, rows=20)], elapsed_s=0.05)
    assert admission().expected_s(Amount(calls=5, rows=5), [busy]) == pytest.approx(0.15 + 0.05, rel=0.05)
    with pytest.raises(TooManyRequests, match="would be late: 5 rows wait before it"):
        admission().check_time(Amount(calls=5, rows=5), ONE, 0.1, [busy])


def test_a_batch_that_takes_longer_than_expected_is_expected_to_end_now():
    busy = Load(known_cost(per_row_s=0.01), running=[Amount(calls=1, rows=1)], elapsed_s=50.0)
    admission().check_time(Amount(), ONE, 0.02, [busy])


def test_a_call_that_would_only_just_be_in_time_is_refused():
    cost = known_cost(per_row_s=0.01)
    queued = Amount(calls=9, rows=9)
    admission().check_time(queued, ONE, 0.12, [Load(cost)])
    with pytest.raises(TooManyRequests):
        admission().check_time(queued, ONE, 0.105, [Load(cost)])
    # What the model needs for itself is the kind figure: nobody is refused on an idle server who could be answered.
    admission().check_time(Amount(), ONE, 0.0105, [Load(cost)])


def test_calls_behind_a_full_batch_are_expected_to_be_joined_by_those_that_come_later():
    cost = known_cost(per_row_s=0.01)
    assert admission().expected_s(Amount(calls=11, rows=11), [Load(cost)]) == pytest.approx(0.2, rel=0.05)


def test_a_replica_that_is_idle_counts_for_more_than_one_that_is_busy():
    cost = known_cost(per_row_s=0.01)
    busy = Load(cost, running=[Amount(calls=100, rows=100)])
    admission().check_time(Amount(), ONE, 0.02, [busy, Load(cost)])


def test_calls_that_are_computed_alone_are_expected_one_after_the_other():
    cost = known_cost(fixed_s=0.1)
    waiting = Amount(calls=5, rows=5)
    assert admission().expected_s(waiting, [Load(cost)]) == pytest.approx(0.1, rel=0.05)
    alone = admission(joins_calls=False)
    assert alone.expected_s(waiting, [Load(cost)]) == pytest.approx(0.5, rel=0.05)
    assert alone.expected_s(waiting, [Load(cost), Load(cost)]) == pytest.approx(0.25, rel=0.05)
    with pytest.raises(TooManyRequests):
        alone.check_time(waiting, ONE, 0.4, [Load(cost)])


def test_what_an_idle_server_cannot_do_in_time_is_told_apart_from_what_waits_too_long():
    cost = known_cost(fixed_s=0.1)
    busy = Load(cost, running=[Amount(calls=30, rows=30)])
    with pytest.raises(DeadlineExceeded, match=r"The model needs about 0\.1"):
        admission().check_time(Amount(), ONE, 0.05, [busy])
    with pytest.raises(TooManyRequests, match="would be late"):
        admission().check_time(Amount(), ONE, 0.2, [busy])


def test_nothing_is_refused_for_its_time_before_anything_is_known():
    unknown = Load(LearnedCost(), running=[Amount(calls=4000, rows=4000)])
    admission().check_time(Amount(calls=4000, rows=4000), ONE, 0.001, [unknown])
