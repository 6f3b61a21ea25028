"""`SimulatedDevice`: a device that exists as a timeline, for tests and for trying settings out without a GPU.

It answers with what torch computes on the CPU, takes the time that its own figures say, and has memory for so many
rows. Its three streams (copy in, compute, copy out) are busy independently, as those of a GPU are.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
import torch

from jubako_torch_runner.device import (
    AS_THE_MODULE,
    BatchTimes,
    Device,
    DeviceMemory,
    HostBatch,
    Numerics,
    OutOfDeviceMemory,
    RunningBatch,
)
from jubako_torch_runner.devices.inference import compute_on_cpu, ready_module
from jubako_torch_runner.trees import rows_of

_ROW_BYTES = 1 << 20


class Clock(Protocol):
    """What a simulated device waits by."""

    def now(self) -> float:
        """Seconds, never going back."""

    def wait_until(self, moment: float) -> None:
        """Return when `now()` is at least `moment`."""


class RealClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since some start."""
        return time.perf_counter()

    def wait_until(self, moment: float) -> None:
        """Sleep; a GPU's waiting thread sleeps as well."""
        while (left := moment - self.now()) > 0:
            time.sleep(left)


@attrs.frozen
class Activity:
    """What a simulated device has done since it was opened.

    Args:
        batches: that were computed.
        rows: of all batches.
        refused: batches for which there was no memory.
        largest_rows: of one batch.
        compute_s: for how long the compute stream was busy.
        elapsed_s: from the first batch's beginning to the last one's end.
    """

    batches: int = 0
    rows: int = 0
    refused: int = 0
    largest_rows: int = 0
    compute_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def utilisation(self) -> float:
        """The share of the time in which the compute stream was busy; 0 before the first batch."""
        return self.compute_s / self.elapsed_s if self.elapsed_s else 0.0


class SimulatedDevice(Device):
    """A device whose batch of n rows computes for `fixed_s + step_s * ceil(n / step_rows)`.

    What torch computes on the CPU is not what is simulated: in the thread that opens the device torch gets one thread.

    Args:
        clock: that the timeline runs by.
        fixed_s: seconds that any batch computes for.
        step_s: seconds that each begun step of rows adds.
        step_rows: rows of a step.
        limit_rows: the largest batch that there is memory for; it may be set later, as if others took memory.
        copy_row_s: seconds that a row takes into the device, and again out of it.
    """

    name = "simulated"
    overlaps = True

    def __init__(
        self,
        clock: Clock | None = None,
        fixed_s: float = 0.002,
        step_s: float = 0.0005,
        step_rows: int = 8,
        limit_rows: int = 37,
        copy_row_s: float = 0.00005,
    ) -> None:
        # A second one would wait for work by spinning, and so slow down what is measured beside the device.
        torch.set_num_threads(1)
        self.limit_rows = limit_rows
        self._clock = clock or RealClock()
        self._fixed_s, self._step_s, self._step_rows = fixed_s, step_s, step_rows
        self._copy_row_s = copy_row_s
        self._numerics = AS_THE_MODULE
        self._lock = threading.Lock()
        self._timeline = _Timeline()
        self._activity = Activity()
        self._first_s: float | None = None
        self._rows_on_device = 0
        self._peak_rows = 0

    @property
    def activity(self) -> Activity:
        """What it has done, counted when a batch begins; readable in any thread."""
        with self._lock:
            return self._activity

    def forget_activity(self) -> None:
        """Count from the next batch on, such as after a warm-up."""
        with self._lock:
            self._activity, self._first_s = Activity(), None

    def compute_s(self, rows: int) -> float:
        """Seconds that a batch of `rows` computes for."""
        return self._fixed_s + self._step_s * math.ceil(rows / self._step_rows)

    def place(self, module: torch.nn.Module, numerics: Numerics = AS_THE_MODULE) -> torch.nn.Module:
        """The module as it is, in evaluation mode; cast if `numerics` say so."""
        self._numerics = numerics
        return ready_module(module, numerics, torch.device("cpu"))

    def staging(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Ordinary memory: nothing is copied from it."""
        return torch.empty(tuple(shape), dtype=dtype)

    def begin(self, compute: Callable[..., Any], batch: HostBatch) -> RunningBatch:
        """Compute at once, and put the time that it takes at the end of the timeline."""
        rows = rows_of((batch.args, dict(batch.kwargs)))
        now = self._clock.now()
        if rows > self.limit_rows:
            with self._lock:
                self._activity = attrs.evolve(self._activity, refused=self._activity.refused + 1)
            raise OutOfDeviceMemory(f"{rows} rows do not fit a device with memory for {self.limit_rows}")
        results = compute_on_cpu(compute, batch.args, batch.kwargs, self._numerics)
        copy_s, compute_s = rows * self._copy_row_s, self.compute_s(rows)
        with self._lock:
            ends_s = self._timeline.add(now, copy_s, compute_s, copy_s)
            self._count(rows, compute_s, now, ends_s)
        return _SimulatedBatch(self, results, BatchTimes(2 * copy_s, compute_s), ends_s, rows)

    def _count(self, rows: int, compute_s: float, now: float, ends_s: float) -> None:
        self._first_s = now if self._first_s is None else self._first_s
        self._rows_on_device += rows
        self._peak_rows = max(self._peak_rows, rows)
        done = self._activity
        self._activity = Activity(
            batches=done.batches + 1,
            rows=done.rows + rows,
            refused=done.refused,
            largest_rows=max(done.largest_rows, rows),
            compute_s=done.compute_s + compute_s,
            elapsed_s=ends_s - self._first_s,
        )

    def wait_for(self, ends_s: float, rows: int) -> None:
        """Wait until the timeline is past `ends_s`, when the memory of `rows` is free again."""
        self._clock.wait_until(ends_s)
        with self._lock:
            self._rows_on_device -= rows

    def memory(self) -> DeviceMemory:
        """The rows of all batches that have begun; `limit_rows` is what one batch may have."""
        with self._lock:
            return DeviceMemory(self._rows_on_device * _ROW_BYTES, self.limit_rows * _ROW_BYTES)

    def measure_peak_bytes(self, work: Callable[[], Any]) -> int:
        """As `Device`: what the largest batch of `work` needs."""
        with self._lock:
            self._peak_rows = 0
        work()
        with self._lock:
            return self._peak_rows * _ROW_BYTES

    def close(self) -> None:
        """Nothing is held."""


class _Timeline:
    """Until when each stream is busy."""

    def __init__(self) -> None:
        self._copy_in_s = self._compute_s = self._copy_out_s = -math.inf

    def add(self, now: float, copy_in_s: float, compute_s: float, copy_out_s: float) -> float:
        """Put one batch at the end of each stream; each part begins when the one before it and its stream are done."""
        self._copy_in_s = max(now, self._copy_in_s) + copy_in_s
        self._compute_s = max(self._copy_in_s, self._compute_s) + compute_s
        self._copy_out_s = max(self._compute_s, self._copy_out_s) + copy_out_s
        return self._copy_out_s


@attrs.frozen(eq=False)
class _SimulatedBatch(RunningBatch):
    device: SimulatedDevice
    results: Any
    _times: BatchTimes
    ends_s: float
    rows: int

    def wait(self) -> Any:
        self.device.wait_for(self.ends_s, self.rows)
        return self.results

    @property
    def times(self) -> BatchTimes:
        return self._times
