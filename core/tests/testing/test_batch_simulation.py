"""`BatchSimulation`: virtual time, callers and a device, against what can be worked out by hand."""

from __future__ import annotations

import pytest

from jubako.contracts.batch_policy import Decision
from jubako.dispatch.immediate import ImmediatePolicy
from jubako.testing import BatchSimulation, DeviceTimes
from jubako.values.batch_profile import BatchProfile
from jubako.values.resources import BatchOptions

DEVICE = DeviceTimes(compute_s=lambda rows: 0.010, copy_s_per_row=0.001, loop_s=0.0005)


class Greedy(ImmediatePolicy):
    """Sends whatever waits, also while a batch runs, in twos."""

    def decide(self, queue, now_s):
        return Decision(send=True, max_rows=2)


class Patient(ImmediatePolicy):
    """Holds until the oldest call has waited for 5 ms, and keeps what it was told."""

    def profile_known(self, profile):
        self.profile = profile

    def decide(self, queue, now_s):
        ends_s = queue.oldest_arrival_s + 0.005
        return Decision(send=now_s >= ends_s, look_again_s=ends_s)


def simulate(policy, *arrivals, **arguments):
    simulated = BatchSimulation(policy, device=DEVICE, options=BatchOptions(max_batch_size=4), **arguments)
    simulated.arrive(arrivals)
    return simulated


def test_a_lone_call_takes_its_way_its_copies_and_its_computing():
    simulated = simulate(ImmediatePolicy, 1.0).run(2.0)
    assert simulated.latencies_s == [pytest.approx(0.0005 + 0.001 + 0.010 + 0.001 + 0.0005)]
    assert (simulated.batches, simulated.unanswered) == ([1], 0)
    assert simulated.rows_per_s(1.0) == 1
    assert simulated.utilisation(1.0) == pytest.approx(0.010)


def test_a_batch_that_is_begun_while_another_computes_is_copied_meanwhile():
    simulated = simulate(Greedy, 0.0, 0.0, 0.0, 0.0).run(1.0)
    assert simulated.batches == [1, 1, 2]
    first, second, third, fourth = simulated.latencies_s
    assert first == pytest.approx(0.013)
    # Computed right behind the first.
    assert second == pytest.approx(0.0005 + 0.001 + 0.020 + 0.001 + 0.0005)
    # Only begun when the first was back, for two is the device's depth; two rows are longer on their way back.
    assert third == fourth == pytest.approx(0.0005 + 0.001 + 0.030 + 0.002 + 0.0005)


def test_a_policy_that_asks_to_be_asked_again_is():
    simulated = simulate(Patient, 0.0, 0.002, profile=BatchProfile(limit_rows=4)).run(1.0)
    assert simulated.batches == [2]
    assert simulated.latencies_s[0] == pytest.approx(0.005 + 0.0005 + 0.002 + 0.010 + 0.002 + 0.0005)


def test_callers_in_a_loop_come_back():
    simulated = simulate(ImmediatePolicy, 0.0, comes_back=lambda position: 0.007).run(1.0)
    assert len(simulated.latencies_s) == 50
    assert simulated.latency_s(0.99) == pytest.approx(0.013)


def test_calls_that_are_not_answered_are_told():
    assert simulate(ImmediatePolicy, 0.0, 0.0, 0.0).run(0.014).unanswered == 2
