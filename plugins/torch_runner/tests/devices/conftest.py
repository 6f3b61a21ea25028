"""Doubles for the tests of devices: a clock, and streams whose work is done as late and as disorderly as is allowed."""

from __future__ import annotations

import contextlib
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
import torch

from jubako_torch_runner.devices.stream_calls import Stream, StreamCalls


class LazyStreams(StreamCalls):
    """Does the work of a stream only when someone waits for it, or at random; the order between streams is random.

    So a missing event, or memory that is used again too early, shows as a wrong answer. Work on tensors of the device
    is given with `kernel`.
    """

    def __init__(self, seed: int = 0, pinned_blocks: int = 1000) -> None:
        self.random = random.Random(seed)
        self.work: dict[Stream, deque[Callable[[], bool]]] = {stream: deque() for stream in Stream}
        self.present: Stream | None = None
        self.log: list[str] = []
        self.time = 0.0
        self._pinned_blocks = pinned_blocks
        self.fault: str = ""

    @contextlib.contextmanager
    def working_on(self, stream):
        before, self.present = self.present, stream
        try:
            yield
        finally:
            self.present = before

    def kernel(self, name: str, work: Callable[[], Any]) -> None:
        """Give work to the present stream; some of what waits may be done meanwhile."""
        self._add(self.present, name, work)
        self.progress()

    def _add(self, stream: Stream, name: str, work: Callable[[], Any]) -> None:
        def step() -> bool:
            work()
            self.time += 1.0
            self.log.append(f"{stream.value}: {name}")
            return True

        self.work[stream].append(step)

    def record(self, stream):
        event = _Event()

        def step() -> bool:
            event.time = self.time
            return True

        self.work[stream].append(step)
        return event

    def hold_back(self, stream, event):
        self.work[stream].append(lambda: event.time is not None)

    def step(self) -> bool:
        """Do one piece of work of a stream that can go on; False if none can."""
        streams = [stream for stream in Stream if self.work[stream]]
        self.random.shuffle(streams)
        for stream in streams:
            if self.work[stream][0]():
                self.work[stream].popleft()
                return True
        return False

    def progress(self) -> None:
        """Do a random number of pieces."""
        for _ in range(self.random.randrange(6)):
            self.step()

    def wait(self, event):
        if self.fault:
            raise RuntimeError(self.fault)
        while event.time is None:
            assert self.step(), "it waits for something that never happens"

    def has_happened(self, event):
        self.progress()
        return event.time is not None

    def is_lost(self):
        return bool(self.fault)

    def seconds_between(self, first, second):
        return second.time - first.time

    def copy_to_device(self, tensor):
        copy = torch.full_like(tensor, -1)
        self.kernel(f"in {tuple(tensor.shape)}", lambda: copy.copy_(tensor))
        return copy

    def copy_to_host(self, tensor, target):
        self.kernel(f"out {tuple(tensor.shape)}", lambda: target.copy_(tensor))

    def allocate_pinned(self, size_bytes):
        if not self._pinned_blocks:
            return None
        self._pinned_blocks -= 1
        return torch.full((size_bytes,), 255, dtype=torch.uint8)


class _Event:
    time: float | None = None


class VirtualClock:
    """Time that passes when someone waits for it."""

    time = 0.0

    def now(self):
        return self.time

    def wait_until(self, moment):
        self.time = max(self.time, moment)


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture(scope="session")
def lazy_streams_class():
    """The class; a test chooses the seed."""
    return LazyStreams
