"""`DeviceMetrics`: what a replica's device does, as Prometheus metrics of the process's default registry.

A replica's process sends that registry to `/metrics`, and the inline backend shares it with its API worker, so nothing
here knows where it is read. Imports no torch.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Protocol

import attrs
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from jubako.values.placement import Placement

_LABELS = ("runner", "device")
# As in the core's metrics of batches, and finer below: a GPU computes a small batch in tens of microseconds.
_SECONDS = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_ROWS = tuple(float(2**power) for power in range(13))
# Making the same metric twice is an error, and two runners may be set up at once.
_making = threading.Lock()


class Times(Protocol):
    """Where a batch's time went, as `device.BatchTimes` has it."""

    @property
    def copy_s(self) -> float:
        """Seconds of copying, to the device and back."""

    @property
    def compute_s(self) -> float:
        """Seconds of computing."""


class Memory(Protocol):
    """What a device's memory is, as `device.DeviceMemory` has it."""

    @property
    def used_bytes(self) -> int:
        """What this process has taken of it."""

    @property
    def limit_bytes(self) -> int:
        """What this process may take of it."""


@attrs.frozen(eq=False)
class _Instruments:
    rows: Histogram
    computed_rows: Counter
    padding_rows: Counter
    computed_elements: Counter
    padding_elements: Counter
    copy_seconds: Histogram
    compute_seconds: Histogram
    out_of_memory: Counter
    limit_rows: Gauge
    memory_used: Gauge
    memory_limit: Gauge


class DeviceMetrics:
    """Counts the batches of one runner on one device; `batch` and `ran_out_of_memory` from any thread.

    Made anew for the same runner and device in one process, as for a replica that is started again, it goes on with
    the same counts.

    Args:
        runner_name: a label of every metric.
        device_name: the other; see `device_label`.
        registry: where the metrics are.
    """

    def __init__(self, runner_name: str, device_name: str, registry: CollectorRegistry = REGISTRY) -> None:
        with _making:
            made = _instruments(registry)
        self._gauges = (made.limit_rows, made.memory_used, made.memory_limit)
        self._labels = (runner_name, device_name)
        # A metric's children are looked up once, not with every batch.
        self._rows = made.rows.labels(*self._labels)
        self._computed_rows = made.computed_rows.labels(*self._labels)
        self._padding_rows = made.padding_rows.labels(*self._labels)
        self._computed_elements = made.computed_elements.labels(*self._labels)
        self._padding_elements = made.padding_elements.labels(*self._labels)
        self._copy_seconds = made.copy_seconds.labels(*self._labels)
        self._compute_seconds = made.compute_seconds.labels(*self._labels)
        self._out_of_memory = made.out_of_memory.labels(*self._labels)
        self._limit_rows: int | None = None

    def batch(self, rows: int, computed_rows: int, times: Times, *, elements: int = 0, padding: int = 0) -> None:
        """Count a batch that was computed.

        Args:
            rows: of callers.
            computed_rows: with those that the batch was padded with.
            times: of the batch.
            elements: of the inputs that were padded to one length, the padding included; 0 if none were.
            padding: how many of these were padding.
        """
        self._rows.observe(rows)
        self._computed_rows.inc(computed_rows)
        if computed_rows > rows:
            self._padding_rows.inc(computed_rows - rows)
        if elements:
            self._computed_elements.inc(elements)
            self._padding_elements.inc(padding)
        self._copy_seconds.observe(times.copy_s)
        self._compute_seconds.observe(times.compute_s)
        if self._limit_rows is not None and computed_rows > self._limit_rows:
            self.limit(computed_rows)

    def ran_out_of_memory(self, computed_rows: int) -> None:
        """Count a batch that the device had no room for; the limit is below it."""
        self._out_of_memory.inc()
        if self._limit_rows is None or self._limit_rows >= computed_rows:
            self.limit(max(1, computed_rows - 1))

    def limit(self, rows: int) -> None:
        """Tell the largest batch that fits, as far as is known; a larger one that is computed corrects it."""
        self._limit_rows = rows
        self._gauges[0].labels(*self._labels).set(rows)

    def watch_memory(self, memory: Callable[[], Memory]) -> None:
        """Tell the device's memory from now on, as `memory` says when metrics are read, in another thread."""
        self._gauges[1].labels(*self._labels).set_function(lambda: float(memory().used_bytes))
        self._gauges[2].labels(*self._labels).set_function(lambda: float(memory().limit_bytes))

    def close(self) -> None:
        """Tell limit and memory no more, for the device is closed; what was counted stays."""
        for gauge in self._gauges:
            gauge.remove_by_labels(dict(zip(_LABELS, self._labels, strict=True)))


def device_label(placement: Placement, device_name: str) -> str:
    """What metrics call a device: a GPU by its index on the machine, for each process calls its own cuda:0."""
    return device_name if placement.gpu_index is None else f"cuda:{placement.gpu_index}"


@functools.cache
def _instruments(registry: CollectorRegistry) -> _Instruments:
    def counter(name: str, what: str) -> Counter:
        return Counter(f"jubako_device_{name}", what, _LABELS, registry=registry)

    def gauge(name: str, what: str) -> Gauge:
        return Gauge(f"jubako_device_{name}", what, _LABELS, registry=registry)

    def histogram(name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"jubako_device_{name}", what, _LABELS, registry=registry, buckets=buckets)

    return _Instruments(
        rows=histogram("batch_rows", "Rows of callers in each batch that was computed.", _ROWS),
        computed_rows=counter("computed_rows", "Rows that were computed, padding included."),
        padding_rows=counter("padding_rows", "Rows that were computed because a larger batch is faster."),
        computed_elements=counter("computed_elements", "Elements of inputs that pad_to padded, padding included."),
        padding_elements=counter("padding_elements", "Elements that pad_to padded inputs with."),
        copy_seconds=histogram("copy_seconds", "Time of a batch's copies to the device and back.", _SECONDS),
        compute_seconds=histogram("compute_seconds", "Time that the device computed a batch.", _SECONDS),
        out_of_memory=counter("out_of_memory", "Batches that the device had no room for; they were split."),
        limit_rows=gauge("batch_limit_rows", "The largest batch that fits, as far as is known."),
        memory_used=gauge("memory_used_bytes", "Memory of the device that the replica has taken."),
        memory_limit=gauge("memory_limit_bytes", "Memory of the device that the replica may take."),
    )
