"""`CudaDevice`: one CUDA device, or a share of one, of one replica.

Left as torch has it: TF32 (matrix products in full float32, convolutions in TF32); who wants less precision asks for
it with `dtype=` or `autocast=`. Left out: CUDA graphs, which want fixed input addresses and a capture a bucket, and
which nobody should trust that were never run.

Written against torch's documentation and checked through a double of `StreamCalls`; `benchmarks/gpu` checks it on a
real device.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch

from jubako.values.placement import VISIBLE_DEVICES, Placement
from jubako_torch_runner.device import (
    AS_THE_MODULE,
    Device,
    DeviceMemory,
    DeviceUnusable,
    HostBatch,
    Numerics,
    OutOfDeviceMemory,
    RunningBatch,
)
from jubako_torch_runner.devices.batch_pipeline import BatchPipeline
from jubako_torch_runner.devices.inference import compute_in_inference_mode, ready_module
from jubako_torch_runner.devices.memory_faults import is_out_of_device_memory
from jubako_torch_runner.devices.staging_pool import StagingPool
from jubako_torch_runner.devices.stream_calls import Stream, StreamCalls

STAGING_BYTES = 256 << 20
"""Page-locked memory of one replica at most: two batches of 16 MiB (`max_batch_bytes`) in and out, several times."""

EXIT_CODE = 70
"""Of a replica whose device is lost: `EX_SOFTWARE` of sysexits.h."""

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


def open_cuda(placement: Placement) -> Device:
    """Open the placement's device: its context is made here, in the replica's thread, not in a process that forks.

    Raises:
        DeviceUnusable: torch was built without CUDA, or the driver refuses the device.
    """
    if torch.version.cuda is None:
        raise DeviceUnusable(
            f"{placement.device} cannot be used.",
            why=f"The installed torch {torch.__version__} was built without CUDA.",
            do="install a build of torch for CUDA (https://pytorch.org/get-started), or set gpus of the runner to 0",
        )
    try:
        return CudaDevice(placement)
    except (RuntimeError, AssertionError) as error:
        if is_out_of_device_memory(error):
            told = str(error)
        else:
            raise DeviceUnusable(
                f"{placement.device} cannot be used.",
                why=f"The driver says: {error}",
                do="look at `jubako doctor`, or set gpus of the runner to 0",
            ) from error
    raise OutOfDeviceMemory(told)


class CudaDevice(Device):
    """Copies in, computes and copies out on three streams.

    Args:
        placement: whose `device` is opened; its `gpu_share` bounds what torch takes of the memory.
    """

    overlaps = True

    def __init__(self, placement: Placement) -> None:
        self.name = placement.device
        self._device = torch.device(placement.device)
        self._share = placement.gpu_share
        self._numerics = AS_THE_MODULE
        # The device of this thread from now on; makes the context, so that a refused device is known now.
        torch.cuda.set_device(self._device)
        torch.cuda.mem_get_info(self._device)
        if self._share < 1:
            # Bounds torch's allocator. The context and the libraries' own memory (some 0.5 GB a process) come on top:
            # https://pytorch.org/docs/stable/generated/torch.cuda.memory.set_per_process_memory_fraction.html
            torch.cuda.set_per_process_memory_fraction(self._share, self._device)
        self._calls = CudaStreamCalls(self._device)
        self._pool = StagingPool(self._calls.allocate_pinned, STAGING_BYTES)
        self._pipeline = BatchPipeline(self._calls, self._pool, EndOfReplica(self.name, placement))

    def place(self, module: torch.nn.Module, numerics: Numerics = AS_THE_MODULE) -> torch.nn.Module:
        """Move the parameters; they are there when this returns, so that any stream may read them."""
        self._numerics = numerics

        def move() -> torch.nn.Module:
            moved = ready_module(module, numerics, self._device)
            torch.cuda.synchronize(self._device)
            return moved

        try:
            return self._tell_of_full_memory(move)
        except OutOfDeviceMemory:
            # Modules are moved in place, one parameter after the other: those that were moved are taken back.
            module.to("cpu")
            torch.cuda.empty_cache()
            raise

    def staging(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Page-locked, until the pool's bound is reached."""
        return self._pool.take(shape, dtype)

    def begin(self, compute: Callable[..., Any], batch: HostBatch) -> RunningBatch:
        """Give the device its work; the host waits only if `compute` does (`.item()`, `.cpu()`, boolean indexing)."""

        def compute_here(*args: Any, **kwargs: Any) -> Any:
            return compute_in_inference_mode(compute, args, kwargs, "cuda", self._numerics)

        return self._tell_of_full_memory(lambda: self._pipeline.begin(compute_here, batch))

    def memory(self) -> DeviceMemory:
        """What tensors take now, and what they may take: the share, or less if others have taken more than the rest.

        torch's cache of freed memory counts as free, for the next batch is served from it.
        """
        free_bytes, total_bytes = torch.cuda.mem_get_info(self._device)
        reserved_bytes = torch.cuda.memory_reserved(self._device)
        return DeviceMemory(
            used_bytes=torch.cuda.memory_allocated(self._device),
            limit_bytes=min(int(total_bytes * self._share), free_bytes + reserved_bytes),
        )

    def measure_peak_bytes(self, work: Callable[[], Any]) -> int:
        """As `Device`, by the allocator's own count."""
        torch.cuda.synchronize(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        work()
        torch.cuda.synchronize(self._device)
        return max(0, torch.cuda.max_memory_allocated(self._device) - before)

    def close(self) -> None:
        """Wait for what runs, and give back torch's cache on the device and the staging memory."""
        self._pipeline.drain()
        self._pool.forget()
        torch.cuda.empty_cache()

    def _tell_of_full_memory(self, work: Callable[[], _Result]) -> _Result:
        try:
            return work()
        except RuntimeError as error:
            if not is_out_of_device_memory(error):
                raise
            told = str(error)
        # Outside the except block, where the error, its traceback and so the batch's tensors are gone; inside it, the
        # cache could not be emptied of them: https://pytorch.org/docs/stable/notes/faq.html
        torch.cuda.empty_cache()
        raise OutOfDeviceMemory(told)


class EndOfReplica:
    """Ends a replica whose device takes no work any more, so that it is replaced.

    The calls of its batches are tried once more, each alone, as those of any replica that dies; so one that breaks the
    device, such as a token that no embedding has, fails alone, and after its second try. A model that shares the
    process of an API worker or a script ends nothing: its calls fail until that is started again, and the log says so.

    Args:
        device: its name, for the log.
        placement: of the replica.
        end: ends this process at once: nothing of CUDA can be cleaned up, and some of it would wait for ever.
    """

    def __init__(self, device: str, placement: Placement, end: Callable[[int], object] = os._exit) -> None:
        self._device = device
        # A process of its own was given the device in its environment.
        self._is_own_process = VISIBLE_DEVICES in placement.environment
        self._end = end

    def __call__(self, error: BaseException) -> None:
        """Say what happened, with the error, and end the process if it is the replica's own."""
        if not self._is_own_process:
            _log.critical("%s takes no work any more until this process is started again", self._device, exc_info=error)
            return
        _log.critical("%s takes no work any more; this replica ends and is replaced", self._device, exc_info=error)
        logging.shutdown()
        self._end(EXIT_CODE)


class CudaStreamCalls(StreamCalls):
    """The calls of torch.cuda; https://pytorch.org/docs/stable/notes/cuda.html#cuda-streams describes them.

    Args:
        device: whose streams they are.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._streams = {stream: torch.cuda.Stream(device) for stream in Stream}  # type: ignore[no-untyped-call]

    def working_on(self, stream: Stream) -> AbstractContextManager[Any]:
        """Of this thread; torch knows a present stream for each."""
        return torch.cuda.stream(self._streams[stream])

    def record(self, stream: Stream) -> torch.cuda.Event:
        """With the time, and so made that a thread sleeps while it waits: it would else take the replica's processor.

        https://pytorch.org/docs/stable/generated/torch.cuda.Event.html, `blocking`
        """
        event = torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]
        event.record(self._streams[stream])
        return event

    def hold_back(self, stream: Stream, event: torch.cuda.Event) -> None:
        """On the device alone; the host goes on."""
        self._streams[stream].wait_event(event)

    def wait(self, event: torch.cuda.Event) -> None:
        """In any thread; the interpreter's lock is released meanwhile."""
        event.synchronize()

    def has_happened(self, event: torch.cuda.Event) -> bool:
        """Asks the driver."""
        return bool(event.query())  # type: ignore[no-untyped-call]

    def is_lost(self) -> bool:
        """After a fault such as a failed assertion in a kernel, every call fails until the process ends.

        https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html, `cudaErrorAssert`
        """
        try:
            torch.cuda.synchronize(self._device)
        except RuntimeError as error:
            return not is_out_of_device_memory(error)
        return False

    def seconds_between(self, first: torch.cuda.Event, second: torch.cuda.Event) -> float:
        """To about half a microsecond."""
        return float(first.elapsed_time(second)) / 1000

    def copy_to_device(self, tensor: torch.Tensor) -> torch.Tensor:
        """Asynchronous from page-locked memory; from other memory the driver first copies it aside, and is slower."""
        return tensor.to(self._device, non_blocking=True)

    def copy_to_host(self, tensor: torch.Tensor, target: torch.Tensor) -> None:
        """Asynchronous into page-locked memory."""
        target.copy_(tensor, non_blocking=True)

    def allocate_pinned(self, size_bytes: int) -> torch.Tensor | None:
        """None where the system's limits leave no more to be locked."""
        try:
            return torch.empty(size_bytes, dtype=torch.uint8, pin_memory=True)
        except RuntimeError as error:
            if is_out_of_device_memory(error):
                return None
            raise
