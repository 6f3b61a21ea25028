"""The simulated device: its timeline, its memory and its answers."""

from __future__ import annotations

import pytest
import torch

from jubako_torch_runner.device import DeviceMemory, HostBatch, OutOfDeviceMemory
from jubako_torch_runner.devices.simulated import RealClock, SimulatedDevice


def _batch(rows):
    return HostBatch((torch.ones(rows, 3),), {})


def test_its_answers_are_torchs(clock):
    device = SimulatedDevice(clock=clock)
    module = device.place(torch.nn.Linear(3, 2))
    assert torch.equal(device.begin(module, _batch(5)).wait(), module(torch.ones(5, 3)))


@pytest.mark.parametrize(("rows", "compute_s"), [(1, 0.0025), (8, 0.0025), (9, 0.003), (37, 0.0045)])
def test_a_lone_batch_takes_both_copies_and_its_computing(clock, rows, compute_s):
    running = SimulatedDevice(clock=clock).begin(torch.relu, _batch(rows))
    assert clock.now() == 0.0, "it is begun, not waited for"
    running.wait()
    assert clock.now() == pytest.approx(compute_s + 2 * rows * 0.00005)
    assert running.times.compute_s == pytest.approx(compute_s)
    assert running.times.copy_s == pytest.approx(2 * rows * 0.00005)


def test_two_begun_batches_overlap_their_copies_with_the_others_computing(clock):
    device = SimulatedDevice(clock=clock)
    running = [device.begin(torch.relu, _batch(37))]
    for _ in range(999):
        running.append(device.begin(torch.relu, _batch(37)))
        running.pop(0).wait()
    running.pop().wait()
    # The first copy in and the last copy out are all that the compute stream does not cover.
    assert clock.now() == pytest.approx(1000 * 0.0045 + 2 * 0.00185)
    assert device.activity.utilisation > 0.999
    assert (device.activity.batches, device.activity.rows, device.activity.largest_rows) == (1000, 37_000, 37)


def test_one_begun_batch_at_a_time_leaves_it_idle_while_it_copies(clock):
    device = SimulatedDevice(clock=clock)
    for _ in range(100):
        device.begin(torch.relu, _batch(37)).wait()
    assert device.activity.utilisation == pytest.approx(0.0045 / (0.0045 + 2 * 0.00185))


def test_a_batch_beyond_its_memory_is_refused_and_costs_no_time(clock):
    device = SimulatedDevice(clock=clock)
    with pytest.raises(OutOfDeviceMemory, match="38 rows do not fit a device with memory for 37"):
        device.begin(torch.relu, _batch(38))
    assert device.activity.refused == 1
    device.limit_rows = 40
    device.begin(torch.relu, _batch(38)).wait()
    assert clock.now() == pytest.approx(0.0045 + 2 * 38 * 0.00005)


def test_its_memory_is_proportional_to_rows(clock):
    device = SimulatedDevice(clock=clock)
    mib = 1 << 20
    running = device.begin(torch.relu, _batch(4))
    assert device.memory() == DeviceMemory(used_bytes=4 * mib, limit_bytes=37 * mib)
    running.wait()
    assert device.memory().used_bytes == 0
    assert device.measure_peak_bytes(lambda: device.begin(torch.relu, _batch(9)).wait()) == 9 * mib


def test_counting_can_begin_anew(clock):
    device = SimulatedDevice(clock=clock)
    device.begin(torch.relu, _batch(4)).wait()
    device.forget_activity()
    assert (device.activity.batches, device.activity.utilisation) == (0, 0.0)


def test_the_real_clock_waits_until_the_moment():
    clock = RealClock()
    moment = clock.now() + 0.01
    clock.wait_until(moment)
    assert clock.now() >= moment
    clock.wait_until(moment - 1)
