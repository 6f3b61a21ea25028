"""`BatchPipeline`: in which order a device copies and computes; which memory may be used again, and when.

Three streams: inputs are copied on one, computed with on a second, results copied on a third. Within a batch, events
hold a stream back until the one before it is done. Between batches nothing does, so that the next batch's inputs are
copied while the present one computes, and its results while the next computes.

Lifetimes. torch's allocator gives freed device memory out again on the stream that it was allocated on, without
knowing that another stream may still read it. Of its two remedies, `record_stream` and holding on to the tensors until
an event, this takes the second, which the documentation advises where lifetimes are known
(https://pytorch.org/docs/stable/generated/torch.Tensor.record_stream.html): the pipeline itself, not the batch that
it returned, holds every tensor of a batch until the event of its last copy has happened. So a batch that nobody waits
for is safe too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch

from jubako_torch_runner.device import BatchTimes, HostBatch, RunningBatch
from jubako_torch_runner.devices.staging_pool import StagingPool
from jubako_torch_runner.devices.stream_calls import Stream, StreamCalls
from jubako_torch_runner.trees import map_tensors, tensors_of


class BatchPipeline:
    """Begins batches in one thread; they may be waited for in others.

    Args:
        calls: to the device.
        pool: of the staging memory that batches come in and results go out by.
        on_lost: called in the thread that learns of it, with the error, if the device takes no work any more.
    """

    def __init__(
        self, calls: StreamCalls, pool: StagingPool, on_lost: Callable[[BaseException], None] = lambda error: None
    ) -> None:
        self._calls = calls
        self._pool = pool
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._begun: list[_Flight] = []

    def begin(self, compute: Callable[..., Any], batch: HostBatch) -> RunningBatch:
        """Give the device a batch; returns when `compute` has given it its work, not when that has ended.

        Whatever is raised, the device has ended all work of the batch, and holds nothing of it.
        """
        self._retire()
        flight = _Flight(self._calls, self._pool, batch)
        try:
            flight.begin(compute, batch)
        except BaseException as error:
            self._tell_if_lost(error)
            # Now, while the frames that this error has left still hold the tensors that the device may be reading.
            self.drain()
            flight.let_go()
            raise
        with self._lock:
            self._begun.append(flight)
        return _BegunBatch(flight, self._retire, self._tell_if_lost)

    def drain(self) -> None:
        """Wait until all work has ended, and hold nothing any more."""
        self._wait_for_all()
        self._retire()

    def _tell_if_lost(self, error: BaseException) -> None:
        if self._calls.is_lost():
            self._on_lost(error)

    def _wait_for_all(self) -> None:
        for stream in Stream:
            self._calls.wait(self._calls.record(stream))

    def _retire(self) -> None:
        """Let go of batches whose last copy has ended; they end in the order in which they were begun."""
        with self._lock:
            while self._begun and self._calls.has_happened(self._begun[0].ended):
                self._begun.pop(0).let_go()


class _Flight:
    """One batch on its way through the streams, and every tensor that the device may still read or write for it."""

    ended: Any

    def __init__(self, calls: StreamCalls, pool: StagingPool, batch: HostBatch) -> None:
        self._calls = calls
        self._pool = pool
        self._host_inputs = list(tensors_of((batch.args, dict(batch.kwargs))))
        self._on_device: list[Any] = []
        self._events: list[Any] = []
        self.results: Any = None

    def begin(self, compute: Callable[..., Any], batch: HostBatch) -> None:
        """Give the device the work of all three streams."""
        calls = self._calls
        with calls.working_on(Stream.COPY_IN):
            self._mark(Stream.COPY_IN)
            args, kwargs = map_tensors(self._to_device, (batch.args, dict(batch.kwargs)))
            copied_in = self._mark(Stream.COPY_IN)
        with calls.working_on(Stream.COMPUTE):
            calls.hold_back(Stream.COMPUTE, copied_in)
            self._mark(Stream.COMPUTE)
            on_device = compute(*args, **kwargs)
            self._on_device.append(on_device)
            computed = self._mark(Stream.COMPUTE)
        with calls.working_on(Stream.COPY_OUT):
            calls.hold_back(Stream.COPY_OUT, computed)
            self._mark(Stream.COPY_OUT)
            self.results = map_tensors(self._to_host, on_device)
            self.ended = self._mark(Stream.COPY_OUT)

    def wait(self) -> Any:
        """Wait for the last copy; the results, in ordinary memory of their own."""
        self._calls.wait(self.ended)
        # Copied once more, here and not in the replica's thread, so that page-locked memory stays bounded however
        # long callers keep their answers, and so that nothing they keep is written to for the next batch.
        with torch.inference_mode(False):
            results = map_tensors(torch.clone, self.results)
        for pinned in tensors_of(self.results):
            self._pool.give_back(pinned)
        self.results = None
        return results

    def times(self) -> BatchTimes:
        """Once the batch has ended; from before the first to after the last work of each stream."""
        copy_in, compute, copy_out = (
            self._calls.seconds_between(first, last)
            for first, last in zip(self._events[::2], self._events[1::2], strict=True)
        )
        return BatchTimes(copy_s=copy_in + copy_out, compute_s=compute)

    def let_go(self) -> None:
        """Hold nothing of the device and give the staging memory back; all work of the batch has ended."""
        self._on_device.clear()
        for tensor in self._host_inputs:
            self._pool.give_back(tensor)
        self._host_inputs.clear()

    def _mark(self, stream: Stream) -> Any:
        event = self._calls.record(stream)
        self._events.append(event)
        return event

    def _to_device(self, tensor: torch.Tensor) -> torch.Tensor:
        copy = self._calls.copy_to_device(tensor)
        self._on_device.append(copy)
        return copy

    def _to_host(self, tensor: torch.Tensor) -> torch.Tensor:
        target = self._pool.take(tensor.shape, tensor.dtype)
        self._calls.copy_to_host(tensor, target)
        return target


class _BegunBatch(RunningBatch):
    def __init__(
        self, flight: _Flight, retire: Callable[[], None], tell_if_lost: Callable[[BaseException], None]
    ) -> None:
        self._flight = flight
        self._retire = retire
        self._tell_if_lost = tell_if_lost

    def wait(self) -> Any:
        try:
            results = self._flight.wait()
        except RuntimeError as error:
            # What a kernel did wrong is known only now.
            self._tell_if_lost(error)
            raise
        self._retire()
        return results

    @property
    def times(self) -> BatchTimes:
        return self._flight.times()
