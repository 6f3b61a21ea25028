"""Finding out what fits a device and what it takes, on devices that are formulas."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jubako_torch_runner.device import BatchTimes, DeviceMemory, HostBatch, OutOfDeviceMemory
from jubako_torch_runner.devices.simulated import SimulatedDevice
from jubako_torch_runner.warmup import measure

_KIB = 1024


class _Formula:
    """A device with memory `fixed + row * n`, in which batches beyond `limit` rows do not fit, whatever it says."""

    def __init__(self, *, row: int, fixed: int = 0, free: int = 1 << 40, limit: int = 1 << 40, noise=(0.0,)) -> None:
        self.row, self.fixed, self.limit = row, fixed, limit
        self.memory = DeviceMemory(used_bytes=7 * _KIB, limit_bytes=7 * _KIB + free)
        self.free = free
        self.tried: list[int] = []
        self.refused = 0
        self._noise = itertools.cycle(noise)

    def peak(self, rows: int) -> int:
        self.run(rows)
        return self.fixed + self.row * rows

    def run(self, rows: int) -> BatchTimes:
        self.tried.append(rows)
        if rows > self.limit or self.fixed + self.row * rows > self.free:
            self.refused += 1
            raise OutOfDeviceMemory(f"{rows} rows do not fit")
        return BatchTimes(copy_s=0.001 * rows, compute_s=self.seconds(rows) * (1 + next(self._noise)))

    def seconds(self, rows: int) -> float:
        return 0.002 + 0.0001 * rows

    def measure(self, max_rows: int, **options):
        return measure(self.run, self.peak, self.memory, max_rows, **options)


@given(
    fits=st.integers(1, 3000),
    row=st.integers(_KIB, 64 * _KIB),
    fixed=st.integers(0, 64 * _KIB),
    max_rows=st.integers(1, 2000),
)
def test_the_limit_that_memory_sets_is_found_a_little_below_without_running_out_of_it(fits, row, fixed, max_rows):
    device = _Formula(row=row, fixed=fixed, free=fixed + row * fits + row // 2)
    profile = device.measure(max_rows, budget_s=1e9)
    if profile.limit_rows is None:
        assert max_rows <= fits
        assert profile.sizes[-1].rows == max_rows
    else:
        # 5 % of the memory stays free; of that, the fixed part's share is the device's own doing.
        assert profile.limit_rows <= fits
        assert profile.limit_rows >= min(max_rows, int(0.95 * fits) - 1 - 0.05 * fixed / row)
        assert profile.sizes[-1].rows == profile.limit_rows
    # Until two sizes are known, there is no line to go by.
    assert device.refused <= (1 if fits < 4 else 0)


@given(limit=st.integers(1, 1000), max_rows=st.integers(1, 1000))
def test_the_limit_that_memory_does_not_explain_is_found_exactly(limit, max_rows):
    device = _Formula(row=1, limit=limit)
    profile = device.measure(max_rows, budget_s=1e9)
    assert profile.limit_rows == (None if max_rows <= limit else limit)
    assert profile.sizes[-1].rows == min(limit, max_rows)


@given(max_rows=st.integers(1, 500))
def test_sizes_are_doubled_up_to_the_largest_that_is_wanted(max_rows):
    profile = _Formula(row=1).measure(max_rows, budget_s=1e9)
    doubled = [1 << power for power in range(10) if 1 << power < max_rows]
    assert [size.rows for size in profile.sizes] == [*doubled, max_rows]


@given(
    noise=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.5, 3.0]), min_size=5, max_size=9).filter(
        lambda n: n.count(0.0) > len(n) / 2
    )
)
def test_the_curve_is_the_devices_and_pauses_leave_no_trace_in_it(noise):
    device = _Formula(row=1, noise=noise)
    profile = device.measure(64, budget_s=1e9, repeats=9)
    for size in profile.sizes:
        assert device.seconds(size.rows) <= size.seconds <= 1.5 * device.seconds(size.rows)


def test_a_steady_device_is_measured_with_few_batches():
    device = _Formula(row=1)
    device.measure(8, repeats=5)
    assert device.tried.count(8) == 1 + 2 * 5


def test_no_larger_size_is_tried_when_the_devices_time_is_used_up():
    device = _Formula(row=_KIB, free=_KIB * 1000)
    profile = device.measure(4096, budget_s=0.1)
    assert max(device.tried) < 64
    assert profile.limit_rows == 950, "by the line that memory follows"


def test_a_slow_device_is_not_timed_for_longer_than_it_may_be():
    device = _Formula(row=1)
    device.seconds = lambda rows: 4.0
    profile = device.measure(128, budget_s=5.0)
    assert device.tried == [1, 1, 1], "once for its memory, and twice in eight seconds"
    assert [(size.rows, size.seconds) for size in profile.sizes] == [(1, 4.0)]


def test_nothing_is_said_of_the_limit_when_time_ran_out_before_memory_was_touched():
    profile = _Formula(row=0).measure(4096, budget_s=0.1)
    assert profile.limit_rows is None


def test_a_device_without_room_for_one_row_says_so():
    with pytest.raises(OutOfDeviceMemory, match="1 rows do not fit"):
        _Formula(row=_KIB, free=10).measure(8)


def test_the_simulated_device_is_measured_as_any_other():
    class Clock:
        time = 0.0

        def now(self):
            return self.time

        def wait_until(self, moment):
            self.time = max(self.time, moment)

    device = SimulatedDevice(clock=Clock())

    def run(rows):
        running = device.begin(torch.relu, HostBatch((torch.zeros(rows, 2),), {}))
        running.wait()
        return running.times

    profile = measure(run, lambda rows: device.measure_peak_bytes(lambda: run(rows)), device.memory(), 128)
    assert profile.limit_rows == 35, "of 37, with a margin of 5 %"
    assert {size.rows: round(size.seconds, 6) for size in profile.sizes} == {
        1: 0.0025, 2: 0.0025, 4: 0.0025, 8: 0.0025, 16: 0.003, 32: 0.004, 35: 0.0045,
    }  # fmt: skip
    assert device.activity.refused == 0
