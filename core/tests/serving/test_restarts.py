"""When a process that died is started again."""

from __future__ import annotations

from jubako.serving.restarts import RestartRule, Restarts


def test_a_process_that_was_ready_is_replaced_at_once_however_often():
    restarts = Restarts(RestartRule())
    assert [restarts.died(ready_for_s=1.0) for _ in range(20)] == [0.0] * 20
    assert not restarts.is_broken


def test_starts_that_fail_wait_twice_as_long_each_time_until_the_breaker_opens():
    restarts = Restarts(RestartRule(first_s=0.1, longest_s=30.0, breaker_after=5))
    waits = [restarts.died(None) for _ in range(4)]
    assert waits == [0.1, 0.2, 0.4, 0.8]
    assert not restarts.is_broken
    assert restarts.died(None) == 30.0
    assert restarts.is_broken


def test_a_death_within_a_second_of_being_ready_is_a_start_that_failed():
    restarts = Restarts(RestartRule(breaker_after=2))
    assert restarts.died(ready_for_s=0.99) == 0.1
    restarts.died(ready_for_s=0.0)
    assert restarts.is_broken


def test_a_process_that_lasted_makes_good_for_the_failures_before():
    restarts = Restarts(RestartRule(breaker_after=2))
    restarts.died(None)
    restarts.died(ready_for_s=5.0)
    assert restarts.died(None) == 0.1
    assert not restarts.is_broken


def test_no_wait_is_longer_than_the_longest():
    restarts = Restarts(RestartRule(first_s=1.0, longest_s=3.0, breaker_after=100))
    assert [restarts.died(None) for _ in range(5)] == [1.0, 2.0, 3.0, 3.0, 3.0]
