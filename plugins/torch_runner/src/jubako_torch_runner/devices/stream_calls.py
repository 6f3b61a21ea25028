"""`StreamCalls`: the few calls to a device that order copies and computing; CUDA's in `cuda`, a double in the tests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from enum import Enum
from typing import Any

import torch


class Stream(Enum):
    """A queue of work on the device: in order within one, in any order between two, but for events."""

    COPY_IN = "copy_in"
    COMPUTE = "compute"
    COPY_OUT = "copy_out"


class StreamCalls(ABC):
    """What `BatchPipeline` needs of a device. An event is whatever `record` returns."""

    @abstractmethod
    def working_on(self, stream: Stream) -> AbstractContextManager[Any]:
        """Work given in this block goes to `stream`, and memory that is allocated in it belongs to `stream`."""

    @abstractmethod
    def record(self, stream: Stream) -> Any:
        """An event that happens when the work given to `stream` so far has ended."""

    @abstractmethod
    def hold_back(self, stream: Stream, event: Any) -> None:
        """Let work that is given to `stream` from now on begin after `event`; does not block."""

    @abstractmethod
    def wait(self, event: Any) -> None:
        """Block this thread, without spinning, until `event` has happened."""

    @abstractmethod
    def has_happened(self, event: Any) -> bool:
        """True if `event` has happened; does not block."""

    @abstractmethod
    def is_lost(self) -> bool:
        """True if the device takes no work any more, after a fault of its own; waits for all work otherwise."""

    @abstractmethod
    def seconds_between(self, first: Any, second: Any) -> float:
        """Seconds between two events that have happened, by the device's clock."""

    @abstractmethod
    def copy_to_device(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy on the device; the copying is given to the present stream and has not ended when this returns."""

    @abstractmethod
    def copy_to_host(self, tensor: torch.Tensor, target: torch.Tensor) -> None:
        """Copy a tensor of the device into host memory; given to the present stream, as above."""

    @abstractmethod
    def allocate_pinned(self, size_bytes: int) -> torch.Tensor | None:
        """Page-locked host memory, as bytes; None if the system gives no more."""
