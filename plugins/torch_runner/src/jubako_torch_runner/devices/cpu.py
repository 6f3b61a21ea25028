"""`CpuDevice`: the processors of a replica's placement. Inputs are not copied, and nothing overlaps."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
import torch

from jubako.runners.machine import discover_machine
from jubako.values.machine import Machine
from jubako.values.placement import Placement
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
from jubako_torch_runner.devices.memory_faults import is_out_of_host_memory
from jubako_torch_runner.devices.process_memory import ProcessMemory

_DEVICE = torch.device("cpu")
_Result = TypeVar("_Result")


class CpuDevice(Device):
    """Computes in the thread that calls `begin`, with the placement's threads.

    The model reads the staging memory itself, which is not used again: a model may change its inputs, or keep them.
    Results are in memory of their own.

    Args:
        placement: whose `threads` are set for this thread.
        machine: what may be used; None asks the system.
        clock: seconds, for the times of a batch.
        process_memory: what this process has taken.
    """

    name = "cpu"
    overlaps = False

    def __init__(
        self,
        placement: Placement,
        machine: Machine | None = None,
        clock: Callable[[], float] = time.perf_counter,
        process_memory: ProcessMemory | None = None,
    ) -> None:
        machine = machine or discover_machine()
        self._numerics = AS_THE_MODULE
        self._clock = clock
        self._process_memory = process_memory or ProcessMemory(Path("/proc/self"))
        # A replica has the share of the memory that it has of the processors; several do not plan with the same bytes.
        self._limit_bytes = int(machine.memory_bytes * min(1.0, placement.threads / machine.cpus))
        set_threads(placement.threads)

    def place(self, module: torch.nn.Module, numerics: Numerics = AS_THE_MODULE) -> torch.nn.Module:
        """The module as it is, in evaluation mode; cast if `numerics` say so."""
        self._numerics = numerics
        return _tell_of_full_memory(lambda: ready_module(module, numerics, _DEVICE))

    def staging(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Ordinary memory: nothing is copied from it."""
        return torch.empty(tuple(shape), dtype=dtype)

    def begin(self, compute: Callable[..., Any], batch: HostBatch) -> RunningBatch:
        """Compute; the batch has ended when this returns."""
        begun_s = self._clock()
        results = _tell_of_full_memory(lambda: compute_on_cpu(compute, batch.args, batch.kwargs, self._numerics))
        return _FinishedBatch(results, BatchTimes(copy_s=0.0, compute_s=self._clock() - begun_s))

    def memory(self) -> DeviceMemory:
        """What this process has in memory, and its share of the machine's."""
        return DeviceMemory(self._process_memory.used_bytes(), self._limit_bytes)

    def measure_peak_bytes(self, work: Callable[[], Any]) -> int:
        """As `Device`; of the whole process, so that other threads count, and memory that is taken twice counts once.

        0 where the system does not say (anything but Linux).
        """
        return self._process_memory.measure_peak_bytes(work)

    def close(self) -> None:
        """Nothing is held."""


def set_threads(threads: int) -> None:
    """Let torch use `threads` threads for operations of this thread, and for operations side by side.

    The first holds for the calling thread (OpenMP counts by thread). The second can be set once in a process and only
    before its first use; a process that has used it keeps what it has.
    """
    torch.set_num_threads(threads)
    with contextlib.suppress(RuntimeError):
        torch.set_num_interop_threads(threads)


def _tell_of_full_memory(work: Callable[[], _Result]) -> _Result:
    try:
        return work()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_host_memory(error):
            raise
        told = str(error)
    # Outside the except block: the error's traceback holds the frames, and these hold the batch's tensors.
    raise OutOfDeviceMemory(told)


@attrs.frozen(eq=False)
class _FinishedBatch(RunningBatch):
    results: Any
    _times: BatchTimes

    def wait(self) -> Any:
        return self.results

    @property
    def times(self) -> BatchTimes:
        return self._times
