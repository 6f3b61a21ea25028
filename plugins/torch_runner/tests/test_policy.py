"""The device's batch policy: its contract, and its decisions one by one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.contracts.batch_policy import QueueView
from jubako.contracts.offers import BatchPolicyType
from jubako.dispatch.cost import LearnedCost
from jubako.plugins import compose
from jubako.testing import BatchPolicyTests
from jubako.values.batch_profile import BatchProfile, SizeCost
from jubako.values.resources import BatchOptions
from jubako_torch_runner.policy import DeviceBatchPolicy

STEPS = BatchProfile(64, tuple(SizeCost(rows, 1e-3 * max(1, rows // 8)) for rows in (1, 2, 4, 8, 16, 32, 64)))


def make_policy(profile=None, **options):
    policy = DeviceBatchPolicy(BatchOptions(**options), LearnedCost())
    if profile is not None:
        policy.profile_known(profile)
    return policy


def view(waiting_rows, *, running=0, limit_rows=64, arrived_s=0.0):
    return QueueView(
        waiting_rows=waiting_rows,
        limit_rows=limit_rows,
        is_full=waiting_rows >= limit_rows,
        oldest_arrival_s=arrived_s,
        running_batches=running,
    )


class TestDevicePolicy(BatchPolicyTests):
    def make_policy(self, options, cost):
        return DeviceBatchPolicy(options, cost)


class TestDevicePolicyWithAProfile(BatchPolicyTests):
    def make_policy(self, options, cost):
        return make_policy(STEPS, max_batch_size=options.max_batch_size, max_wait_ms=options.max_wait_ms)


def test_the_plugin_offers_it():
    composition = compose()
    assert composition.resolve(composition.find(BatchPolicyType, "device"), "policy") is DeviceBatchPolicy


def test_it_imports_no_framework():
    program = (
        "import sys, jubako_torch_runner.policy; print(*sorted({'torch', 'numpy', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""


def test_the_next_batch_is_begun_just_before_the_running_one_is_computed():
    policy = make_policy(STEPS)
    policy.batch_sent(32, 0.0)
    early = policy.decide(view(5, running=1), 0.0005)
    assert not early.send
    assert 0.0035 < early.look_again_s < 0.004
    assert policy.decide(view(7, running=1), early.look_again_s).send


def test_copies_and_the_way_back_begin_the_next_batch_earlier():
    policy = make_policy(STEPS)
    now_s = 0.0
    for _ in range(10):
        policy.batch_sent(32, now_s)
        now_s += 0.006
        policy.batch_returned(32, 0.004, 0, now_s)
        now_s += 1.0
    policy.batch_sent(32, now_s)
    look_again_s = policy.decide(view(20, running=1, arrived_s=now_s), now_s).look_again_s
    # Two of the six milliseconds are no computing: one lies before it, and the next batch needs one as well.
    assert look_again_s - now_s == pytest.approx(0.004, abs=0.0004)


def test_a_batch_is_not_begun_that_waits_for_its_callers_in_vain():
    policy = make_policy(STEPS)
    policy.batch_sent(32, 0.0)
    assert policy.decide(view(1, running=2), 1.0).send is False


@pytest.mark.parametrize(("waiting_rows", "sent_rows"), [(32, 32), (33, 33), (64, 64), (5, 5)])
def test_everything_is_sent_where_a_row_more_costs_little(waiting_rows, sent_rows):
    assert make_policy(STEPS).decide(view(waiting_rows, limit_rows=128), 0.0).max_rows == sent_rows


def test_fewer_are_sent_where_one_row_more_costs_as_much_as_twice_as_many():
    policy = make_policy(STEPS)
    for _ in range(3):
        policy.batch_sent(33, 0.0)
        policy.batch_returned(33, 0.008, 0, 0.008)
    decision = policy.decide(view(33, arrived_s=1.0), 1.0)
    assert decision.send
    assert decision.max_rows == 32


def test_a_size_at_which_the_device_is_at_its_best_is_sent_while_another_runs():
    profile = BatchProfile(64, (SizeCost(1, 1e-3), SizeCost(32, 2e-3), SizeCost(33, 5e-3), SizeCost(64, 5e-3)))
    policy = make_policy(profile)
    policy.batch_sent(32, 0.0)
    assert not policy.decide(view(31, running=1), 0.0).send
    decision = policy.decide(view(33, running=1), 0.0)
    assert (decision.send, decision.max_rows) == (True, 32)


def test_a_burst_is_cut_so_that_its_first_part_keeps_the_target():
    linear = BatchProfile(100, tuple(SizeCost(rows, 1e-3 * rows) for rows in (1, 10, 50, 100)))
    decision = make_policy(linear, max_latency_ms=40).decide(view(100, limit_rows=100), 0.0)
    assert decision.send
    assert decision.max_rows == pytest.approx(18, abs=1)
    assert make_policy(linear).decide(view(100, limit_rows=100), 0.0).max_rows == 100


def test_a_target_that_cannot_be_kept_holds_and_refuses_nobody():
    linear = BatchProfile(100, tuple(SizeCost(rows, 1e-2 * rows) for rows in (1, 10, 50, 100)))
    decision = make_policy(linear, max_latency_ms=1).decide(view(60, limit_rows=100, arrived_s=-5.0), 0.0)
    assert (decision.send, decision.max_rows) == (True, 60)


@given(
    st.lists(
        st.tuples(st.integers(1, 80), st.floats(1e-5, 1.0), st.integers(0, 2), st.floats(0.0, 1.0)),
        min_size=1,
        max_size=40,
    ),
    st.one_of(st.none(), st.floats(0.5, 100.0)),
)
def test_every_decision_can_be_acted_on(steps, max_latency_ms):
    policy = make_policy(max_latency_ms=max_latency_ms, max_wait_ms=5)
    now_s, running = 10.0, []
    for waiting_rows, seconds, returning, passes_s in steps:
        now_s += passes_s
        for _ in range(min(returning, len(running))):
            policy.batch_returned(running.pop(0), seconds, waiting_rows, now_s)
        if len(running) == 2:
            continue
        decision = policy.decide(view(waiting_rows, running=len(running), arrived_s=now_s), now_s)
        if decision.send:
            assert 1 <= (decision.max_rows or 1) <= 64
            running.append(min(waiting_rows, decision.max_rows or 64))
            policy.batch_sent(running[-1], now_s)
        else:
            assert running or decision.look_again_s is not None
            assert decision.look_again_s is None or decision.look_again_s > now_s
