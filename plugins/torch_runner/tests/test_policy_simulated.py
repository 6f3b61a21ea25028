"""What the policy achieves on a simulated device, in virtual time: nothing here depends on a clock or a machine.

The device takes 2 ms + 0.5 ms for every 8 rows begun, has room for 37 rows, and copies a row in or out in 0.05 ms
beside its computing. Callers in a closed loop are answered one after the other, 60 µs apart.
"""

from __future__ import annotations

import math
import random
from functools import cache
from statistics import mean

import pytest

from jubako.dispatch.adaptive import AdaptivePolicy
from jubako.dispatch.immediate import ImmediatePolicy
from jubako.testing import BatchSimulation, DeviceTimes
from jubako.values.batch_profile import BatchProfile, SizeCost
from jubako.values.resources import BatchOptions
from jubako_torch_runner.policy import DeviceBatchPolicy

LIMIT_ROWS = 37
OTHERS = (ImmediatePolicy, AdaptivePolicy)


def compute_s(rows):
    return 2e-3 + 0.5e-3 * math.ceil(rows / 8)


DEVICE = DeviceTimes(compute_s=compute_s, copy_s_per_row=0.05e-3, loop_s=0.1e-3)
PROFILE = BatchProfile(LIMIT_ROWS, tuple(SizeCost(rows, compute_s(rows)) for rows in (1, 2, 4, 8, 16, 32, 37)))
CAPACITY_ROWS_PER_S = LIMIT_ROWS / compute_s(LIMIT_ROWS)


def simulation(policy, *, comes_back=None, knows_profile=False, **options):
    return BatchSimulation(
        policy,
        device=DEVICE,
        options=BatchOptions(max_batch_size=LIMIT_ROWS, **options),
        profile=PROFILE if knows_profile else None,
        comes_back=comes_back,
    )


@cache
def closed_loop(policy, callers, knows_profile=False):
    noise = random.Random(callers)
    simulated = simulation(
        policy, knows_profile=knows_profile, comes_back=lambda place: 60e-6 * (place + 1) + noise.uniform(50e-6, 150e-6)
    )
    simulated.arrive(noise.uniform(0, 4e-3) for _ in range(callers))
    return simulated.run(1.5)


def arrivals(load, until_s):
    noise = random.Random(11)
    at_s = 0.0
    while at_s < until_s:
        at_s += noise.expovariate(load * CAPACITY_ROWS_PER_S)
        yield at_s


@cache
def poisson(policy, load, knows_profile=False, **options):
    simulated = simulation(policy, knows_profile=knows_profile, **options)
    simulated.arrive(arrivals(load, 2.0))
    return simulated.run(2.25)


@pytest.mark.parametrize("knows_profile", [False, True])
@pytest.mark.parametrize("callers", [64, 80, 256])
def test_callers_enough_to_saturate_the_device_keep_it_busy(callers, knows_profile):
    assert closed_loop(DeviceBatchPolicy, callers, knows_profile).utilisation(0.5) > 0.9


def test_more_calls_than_the_device_can_compute_keep_it_busy_with_full_batches():
    overloaded = poisson(DeviceBatchPolicy, 1.2)
    assert overloaded.utilisation(0.5) > 0.9
    assert mean(overloaded.batches[50:]) > 0.99 * LIMIT_ROWS


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("callers", [1, 4, 16, 48, 64, 80, 256])
def test_no_other_policy_answers_more_callers_in_a_loop(callers, other):
    device, others = closed_loop(DeviceBatchPolicy, callers), closed_loop(other, callers)
    assert device.rows_per_s(0.5) >= 0.98 * others.rows_per_s(0.5)


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
def test_no_other_policy_answers_independent_callers_earlier(load, other):
    device, others = poisson(DeviceBatchPolicy, load), poisson(other, load)
    assert device.rows_per_s(0.5) >= 0.98 * others.rows_per_s(0.5)
    assert mean(device.latencies_s) <= 1.05 * mean(others.latencies_s)
    assert device.latency_s(0.99) <= 1.05 * others.latency_s(0.99)


@pytest.mark.parametrize("knows_profile", [False, True])
@pytest.mark.parametrize("max_latency_ms", [12, 15, 20, 40])
def test_the_99th_percentile_keeps_the_target_at_70_percent_load(max_latency_ms, knows_profile):
    simulated = poisson(DeviceBatchPolicy, 0.7, knows_profile, max_latency_ms=max_latency_ms)
    assert simulated.latency_s(0.99) <= max_latency_ms / 1000
    assert simulated.unanswered == 0


@pytest.mark.parametrize("max_latency_ms", [1, 6])
def test_a_target_that_is_too_low_for_the_load_costs_no_throughput(max_latency_ms):
    hurried = poisson(DeviceBatchPolicy, 0.9, max_latency_ms=max_latency_ms)
    assert hurried.unanswered == 0
    assert hurried.latency_s(0.99) <= 1.2 * poisson(DeviceBatchPolicy, 0.9).latency_s(0.99)


def test_of_a_burst_more_calls_keep_the_target_than_without_one():
    def bursts(**options):
        simulated = BatchSimulation(
            DeviceBatchPolicy,
            device=DeviceTimes(compute_s=lambda rows: 1e-3 + 0.2e-3 * rows, loop_s=0.1e-3),
            options=BatchOptions(max_batch_size=128, **options),
        )
        # Single calls first, so that the curve is known, and a burst of 100 every tenth of a second.
        simulated.arrive(0.005 * number for number in range(10))
        simulated.arrive(0.1 * burst + 1e-6 * call for burst in range(1, 30) for call in range(100))
        return [latency_s <= 0.016 for latency_s in simulated.run(3.5).latencies_s]

    assert mean(bursts(max_latency_ms=16)) > mean(bursts()) + 0.2


def test_one_caller_is_never_held():
    lone = closed_loop(DeviceBatchPolicy, 1)
    assert max(lone.latencies_s) == pytest.approx(compute_s(1) + 2 * (0.05e-3 + 0.1e-3))


def test_callers_that_come_back_share_a_batch_where_that_is_faster():
    assert mean(closed_loop(DeviceBatchPolicy, 4).batches[20:]) > 3.9


def test_a_device_that_is_throttled_for_a_while_is_as_busy_as_before():
    def seconds_now(rows):
        return compute_s(rows) * (3 if 1.0 < simulated.now_s < 2.0 else 1)

    noise = random.Random(5)
    simulated = BatchSimulation(
        DeviceBatchPolicy,
        device=DeviceTimes(compute_s=seconds_now, copy_s_per_row=0.05e-3, loop_s=0.1e-3),
        options=BatchOptions(max_batch_size=LIMIT_ROWS),
        profile=PROFILE,
        comes_back=lambda place: 60e-6 * (place + 1) + noise.uniform(50e-6, 150e-6),
    )
    simulated.arrive(noise.uniform(0, 4e-3) for _ in range(64))
    assert simulated.run(3.0).utilisation(0.2) > 0.9


def test_the_same_calls_come_out_the_same():
    first, second = (poisson.__wrapped__(DeviceBatchPolicy, 0.7) for _ in range(2))
    assert first.batches == second.batches
    assert first.latencies_s == second.latencies_s
