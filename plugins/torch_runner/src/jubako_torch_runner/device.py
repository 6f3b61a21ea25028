"""`Device`: where a model computes, as the rest of the plugin sees it; one implementation a kind of device.

The interface takes and gives torch tensors on the host. Streams, staging memory and events are the device's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import torch

from jubako.errors import JubakoError


@attrs.frozen
class DeviceMemory:
    """Memory of a device, in bytes.

    Args:
        used_bytes: what this process has taken of it.
        limit_bytes: what this process may take of it.
    """

    used_bytes: int
    limit_bytes: int


@attrs.frozen
class BatchTimes:
    """Where a batch's time went, in seconds, as the device's own clock has it.

    Args:
        copy_s: copying inputs to the device and results back.
        compute_s: computing; neither waiting for the copy nor for the batch before is part of it.
    """

    copy_s: float
    compute_s: float


@attrs.frozen(eq=False)
class HostBatch:
    """Arguments of one batch in host memory.

    Args:
        args: positional: trees of tensors, or values that are no tensors and stay as they are.
        kwargs: keyword arguments, likewise.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@attrs.frozen
class Numerics:
    """In which types a device computes; by default in those that the module has.

    Args:
        dtype: the module's floating-point parameters and buffers are cast to it once, when it is placed. Inputs are
            not: who makes the batch casts them.
        autocast: computing runs under `torch.autocast` with this type.
    """

    dtype: torch.dtype | None = None
    autocast: torch.dtype | None = None


AS_THE_MODULE = Numerics()
"""In the types that the module has."""


class RunningBatch(ABC):
    """A batch that was begun."""

    @abstractmethod
    def wait(self) -> Any:
        """Block until the results are in host memory, and return them: tensors, in the tree that the model returned.

        They are in memory of their own, whatever the model or a later batch does. Called once, in any thread.

        Raises:
            OutOfDeviceMemory: the device had no room for it.
        """

    @property
    @abstractmethod
    def times(self) -> BatchTimes:
        """Known after `wait`."""


class OutOfDeviceMemory(Exception):
    """The device has no room for a batch or a module; nothing of it is left on the device."""


class DeviceUnusable(JubakoError):
    """The device of a placement cannot be opened."""


class Device(ABC):
    """One device of one replica; opened in the replica's thread.

    Attributes:
        name: such as `cpu` or `cuda:0`.
        overlaps: True if a batch can be copied while another computes; then `begin` returns before it has ended.
    """

    name: str
    overlaps: bool

    @abstractmethod
    def place(self, module: torch.nn.Module, numerics: Numerics = AS_THE_MODULE) -> torch.nn.Module:
        """The module on this device, in evaluation mode; `numerics` hold from now on for what `begin` computes.

        Raises:
            OutOfDeviceMemory: it does not fit.
        """

    @abstractmethod
    def staging(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """An uninitialised tensor in host memory that `begin` copies from at full speed; taken from a pool.

        It is the caller's until it is given to `begin`, and goes back to the pool when that batch has ended. Called in
        the replica's thread. One that is never given to `begin` is simply dropped.
        """

    @abstractmethod
    def begin(self, compute: Callable[..., Any], batch: HostBatch) -> RunningBatch:
        """Copy the arguments, compute in inference mode, and copy the results back.

        Called in the replica's thread. `compute` is called here, in that thread, with tensors on the device. What it
        raises comes out as it is, and leaves the device ready for the next batch.

        Raises:
            OutOfDeviceMemory: the device has no room for it.
        """

    @abstractmethod
    def memory(self) -> DeviceMemory:
        """What is taken now; callable in any thread."""

    @abstractmethod
    def measure_peak_bytes(self, work: Callable[[], Any]) -> int:
        """Do `work`, wait for it, and return the most memory that was taken meanwhile, over what was before."""

    @abstractmethod
    def close(self) -> None:
        """Give back what the device holds; the module is forgotten first, and every batch has ended."""
