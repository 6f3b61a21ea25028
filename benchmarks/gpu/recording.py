"""A device that writes down what every batch cost, and is otherwise the device that it stands before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from jubako_torch_runner.device import (
    BatchTimes,
    Device,
    DeviceMemory,
    HostBatch,
    Numerics,
    OutOfDeviceMemory,
    RunningBatch,
)


@dataclass(frozen=True)
class Ran:
    """One batch that has ended.

    Args:
        rows: of its first tensor, padding included.
        times: on the device's own clock.
    """

    rows: int
    times: BatchTimes


class Recorder(Device):
    """Stands before a device.

    Attributes:
        ran: batches that ended, in that order.
        refused: rows of batches that the device had no room for.
    """

    def __init__(self, device: Device) -> None:
        self.name = device.name
        self.overlaps = device.overlaps
        self.ran: list[Ran] = []
        self.refused: list[int] = []
        self.inner = device
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Forget what was written down."""
        with self._lock:
            self.ran, self.refused = [], []

    def totals(self) -> BatchTimes:
        """The times of all batches that ended, added up."""
        with self._lock:
            times = [each.times for each in self.ran]
        return BatchTimes(sum(each.copy_s for each in times), sum(each.compute_s for each in times))

    def place(self, module: torch.nn.Module, numerics: Numerics | None = None) -> torch.nn.Module:
        """See `Device`."""
        return self.inner.place(module, numerics or Numerics())

    def staging(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """See `Device`."""
        return self.inner.staging(shape, dtype)

    def begin(self, compute: Callable[..., Any], batch: HostBatch) -> RunningBatch:
        """See `Device`."""
        tensors = [value for value in (*batch.args, *batch.kwargs.values()) if isinstance(value, torch.Tensor)]
        rows = len(tensors[0]) if tensors and tensors[0].dim() else 0
        try:
            running = self.inner.begin(compute, batch)
        except OutOfDeviceMemory:
            self._refuse(rows)
            raise
        return _RecordedBatch(self, running, rows)

    def memory(self) -> DeviceMemory:
        """See `Device`."""
        return self.inner.memory()

    def measure_peak_bytes(self, work: Callable[[], Any]) -> int:
        """See `Device`."""
        return self.inner.measure_peak_bytes(work)

    def close(self) -> None:
        """See `Device`."""
        self.inner.close()

    def _refuse(self, rows: int) -> None:
        with self._lock:
            self.refused.append(rows)

    def _end(self, ran: Ran) -> None:
        with self._lock:
            self.ran.append(ran)


class _RecordedBatch(RunningBatch):
    def __init__(self, recorder: Recorder, running: RunningBatch, rows: int) -> None:
        self._recorder = recorder
        self._running = running
        self._rows = rows

    def wait(self) -> Any:
        """See `RunningBatch`."""
        try:
            results = self._running.wait()
        except OutOfDeviceMemory:
            self._recorder._refuse(self._rows)
            raise
        self._recorder._end(Ran(self._rows, self._running.times))
        return results

    @property
    def times(self) -> BatchTimes:
        """See `RunningBatch`."""
        return self._running.times
