"""Policies are simulated: virtual time, one model with cost a + b·n, callers that come back or come as they please."""

from __future__ import annotations

import heapq
import random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.contracts.batch_policy import QueueView
from jubako.dispatch.adaptive import AdaptivePolicy
from jubako.dispatch.cost import LearnedCost
from jubako.dispatch.immediate import ImmediatePolicy
from jubako.testing.batch_policy_tests import BatchPolicyTests
from jubako.values.resources import BatchOptions


class TestAdaptive(BatchPolicyTests):
    def make_policy(self, options, cost):
        return AdaptivePolicy(options, cost)


class TestImmediate(BatchPolicyTests):
    def make_policy(self, options, cost):
        return ImmediatePolicy(options, cost)


class Simulation:
    """One replica that runs one batch at a time; `comes_back` says when an answered caller asks again, or None."""

    def __init__(self, make_policy, *, fixed_s, per_row_s, comes_back, limit_rows=64, **options):
        self.cost = LearnedCost()
        self.policy = make_policy(BatchOptions(max_batch_size=limit_rows, **options), self.cost)
        self.fixed_s, self.per_row_s = fixed_s, per_row_s
        self.limit_rows = limit_rows
        self.comes_back = comes_back
        self.events = []
        self.waiting = []
        self.running = 0
        self.latencies = []
        self.batches = []
        self.now_s = 0.0
        self.wake_s = None

    def arrive_at(self, at_s):
        heapq.heappush(self.events, (at_s, len(self.events), "arrival", None))

    def run(self, until_s):
        while self.events and self.events[0][0] <= until_s:
            self.now_s, _, kind, batch = heapq.heappop(self.events)
            if kind == "arrival":
                self.waiting.append(self.now_s)
            elif kind == "return":
                self._return(batch)
            self._decide()
        return self

    def _return(self, batch):
        self.running -= 1
        seconds = self.fixed_s + self.per_row_s * len(batch)
        self.cost.learn(len(batch), seconds)
        self.policy.batch_returned(len(batch), seconds, len(self.waiting), self.now_s)
        for position, arrived_s in enumerate(batch):
            self.latencies.append(self.now_s - arrived_s)
            if self.comes_back is not None:
                self.arrive_at(self.now_s + self.comes_back(position))

    def _decide(self):
        while self.waiting and self.running < 1:
            view = QueueView(
                waiting_rows=len(self.waiting),
                limit_rows=self.limit_rows,
                is_full=len(self.waiting) >= self.limit_rows,
                oldest_arrival_s=self.waiting[0],
                running_batches=self.running,
            )
            decision = self.policy.decide(view, self.now_s)
            if not decision.send:
                if decision.look_again_s is not None:
                    heapq.heappush(self.events, (decision.look_again_s, len(self.events), "look", None))
                return
            rows = min(self.limit_rows, decision.max_rows or self.limit_rows)
            batch, self.waiting = self.waiting[:rows], self.waiting[rows:]
            self.policy.batch_sent(len(batch), self.now_s)
            self.running += 1
            self.batches.append(len(batch))
            ends_s = self.now_s + self.fixed_s + self.per_row_s * len(batch)
            heapq.heappush(self.events, (ends_s, len(self.events), "return", batch))


def closed_loop(make_policy, callers, *, fixed_s, per_row_s, seed=1):
    noise = random.Random(seed)
    # Answers leave one after the other, 60 µs apart, and the caller takes a little while to ask again.
    simulation = Simulation(
        make_policy,
        fixed_s=fixed_s,
        per_row_s=per_row_s,
        comes_back=lambda position: 60e-6 * (position + 1) + noise.uniform(50e-6, 150e-6),
    )
    for _ in range(callers):
        simulation.arrive_at(noise.uniform(0, 2 * fixed_s))
    return simulation.run(5.0)


def poisson(make_policy, rate, *, fixed_s, per_row_s, seed=1):
    noise = random.Random(seed)
    simulation = Simulation(make_policy, fixed_s=fixed_s, per_row_s=per_row_s, comes_back=None)
    at_s = 0.0
    while at_s < 20.0:
        at_s += noise.expovariate(rate)
        simulation.arrive_at(at_s)
    return simulation.run(30.0)


@pytest.mark.parametrize("callers", [4, 16, 48])
def test_callers_that_come_back_are_served_in_one_cohort(callers):
    adaptive = closed_loop(AdaptivePolicy, callers, fixed_s=4.4e-3, per_row_s=1e-6)
    immediate = closed_loop(ImmediatePolicy, callers, fixed_s=4.4e-3, per_row_s=1e-6)
    assert mean(adaptive.batches[20:]) > 0.8 * callers
    assert len(adaptive.latencies) > 1.1 * len(immediate.latencies)


def test_one_caller_is_never_held():
    simulation = closed_loop(AdaptivePolicy, 1, fixed_s=4.4e-3, per_row_s=1e-6)
    assert max(simulation.latencies) == pytest.approx(4.4e-3 + 1e-6)


@pytest.mark.parametrize("load", [0.1, 0.5, 1.0, 3.0])
def test_independent_callers_pay_next_to_nothing_for_holds(load):
    rate = load / 4.4e-3
    adaptive = poisson(AdaptivePolicy, rate, fixed_s=4.4e-3, per_row_s=1e-6)
    immediate = poisson(ImmediatePolicy, rate, fixed_s=4.4e-3, per_row_s=1e-6)
    assert mean(adaptive.latencies) < 1.1 * mean(immediate.latencies)


def test_nothing_is_held_where_every_row_costs_the_same():
    adaptive = closed_loop(AdaptivePolicy, 16, fixed_s=1e-5, per_row_s=1e-3)
    immediate = closed_loop(ImmediatePolicy, 16, fixed_s=1e-5, per_row_s=1e-3)
    assert len(adaptive.latencies) >= 0.98 * len(immediate.latencies)


def test_a_latency_target_makes_batches_smaller_and_refuses_nobody():
    noise = random.Random(3)
    simulation = Simulation(
        AdaptivePolicy,
        fixed_s=1e-3,
        per_row_s=1e-3,
        comes_back=lambda position: noise.uniform(1e-4, 3e-4),
        max_latency_ms=20,
    )
    for _ in range(32):
        simulation.arrive_at(0.0)
    simulation.run(5.0)
    assert max(simulation.batches[20:]) <= 10
    assert sum(simulation.batches) - len(simulation.latencies) <= 10


@given(
    st.lists(st.tuples(st.integers(1, 128), st.floats(1e-4, 10.0)), min_size=1, max_size=60),
    st.integers(1, 256),
)
def test_a_cost_is_never_negative_and_never_falls_with_more_rows(samples, rows):
    cost = LearnedCost()
    for batch_rows, seconds in samples:
        cost.learn(batch_rows, seconds)
    assert cost.fixed_s >= 0
    assert cost.per_row_s >= 0
    assert cost.estimate_s(rows + 1) >= cost.estimate_s(rows) >= 0


def test_nothing_is_known_of_a_cost_before_three_batches():
    cost = LearnedCost()
    cost.learn(1, 5.0)
    cost.learn(1, 5.0)
    assert not cost.is_known
    assert cost.estimate_s(1000) == 0.0


@pytest.mark.parametrize("others", [[1, 1], [50, 50], [1, 2, 5, 17, 40, 64] * 2])
def test_batches_that_were_slow_because_they_were_the_first_are_forgotten(others):
    cost = LearnedCost()
    cost.learn(1, 2.0)
    # The first of each size compiles something.
    seen = set()
    for rows in others:
        cost.learn(rows, 0.01 if rows in seen or len(others) == 2 else 0.5)
        seen.add(rows)
    assert cost.is_known
    assert cost.estimate_s(64) == pytest.approx(0.01)


@pytest.mark.parametrize(("fixed_s", "per_row_s"), [(4e-3, 0.0), (1e-3, 1e-4), (0.0, 1e-3)])
def test_a_line_is_found_in_spite_of_outliers(fixed_s, per_row_s):
    noise = random.Random(5)
    cost = LearnedCost()
    cost.learn(1, 3.0)
    for step in range(400):
        rows = noise.choice([1, 2, 5, 17, 40, 64])
        seconds = (fixed_s + per_row_s * rows) * noise.uniform(0.95, 1.05)
        cost.learn(rows, seconds * (50 if step % 25 == 0 else 1))
    assert cost.estimate_s(64) == pytest.approx(fixed_s + per_row_s * 64, rel=0.3)
    assert cost.estimate_s(1) == pytest.approx(fixed_s + per_row_s, rel=0.5, abs=1.5e-3)
