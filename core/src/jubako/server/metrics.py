"""Prometheus metrics of one application: requests, batches, queues.

Names are constant and labels come from routes and runners, never from what a client sent. Requests and batches are
counted on the event loop in plain numbers (under a microsecond each) and laid out only when `/metrics` is read;
prometheus_client's own instruments take a lock and several calls for each.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from jubako.contracts.backend import BatchRecord
from jubako.server.exchange import Exchange

_logger = logging.getLogger(__name__)

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BATCH_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BATCH_ROWS = tuple(float(2**power) for power in range(13))


class Histogram:
    """Counts of values by bucket; for one thread.

    Args:
        bounds: upper bounds of the buckets, ascending; each belongs to its bucket.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, as the exposition format has them."""
        laid_out: list[tuple[str, float]] = []
        sum_so_far = 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            sum_so_far += count
            laid_out.append((bound, float(sum_so_far)))
        return laid_out


class _BatchSeries:
    __slots__ = ("compute_seconds", "failed", "queue_rows", "queue_seconds", "rows")

    def __init__(self) -> None:
        self.rows = Histogram(_BATCH_ROWS)
        self.queue_rows = Histogram(_BATCH_ROWS)
        self.queue_seconds = Histogram(_BATCH_SECONDS)
        self.compute_seconds = Histogram(_BATCH_SECONDS)
        self.failed = 0


class ServiceMetrics(Collector):
    """Counts requests and, as a `DispatchObserver`, batches of one service; on its event loop's thread.

    Args:
        service: the service's name, a label of every metric.
        queued_rows: the rows that wait for each runner now, called when metrics are read.
    """

    def __init__(self, service: str, queued_rows: Callable[[], Mapping[str, int]]) -> None:
        self._service = service
        self._queued_rows = queued_rows
        self._requests: dict[tuple[str, int], Histogram] = {}
        self._in_progress: dict[str, int] = {}
        self._batches: dict[tuple[str, str], _BatchSeries] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    @property
    def registries(self) -> tuple[CollectorRegistry, ...]:
        """These metrics, and those that user code keeps in the default registry."""
        return self._registry, REGISTRY

    def request_started(self, label: str) -> None:
        """Count a request of an API or endpoint as in progress."""
        self._in_progress[label] = self._in_progress.get(label, 0) + 1

    def request_finished(self, exchange: Exchange, duration_s: float) -> None:
        """Count a request that was answered, or whose client left."""
        label = exchange.label
        self._in_progress[label] -= 1
        series = self._requests.get((label, exchange.status))
        if series is None:
            series = self._requests[label, exchange.status] = Histogram(_REQUEST_SECONDS)
        series.observe(duration_s)

    def batch_returned(self, record: BatchRecord) -> None:
        """Count one batch."""
        series = self._batches.get((record.runner, record.method))
        if series is None:
            series = self._batches[record.runner, record.method] = _BatchSeries()
        series.rows.observe(record.rows)
        series.queue_rows.observe(record.waiting_rows)
        series.compute_seconds.observe(record.compute_s)
        for seconds in record.queue_s:
            series.queue_seconds.observe(seconds)
        if not record.is_ok:
            series.failed += 1

    def render(self) -> bytes:
        """Everything in Prometheus' text format, with the metrics that user code keeps in the default registry.

        May be called in any thread; a metric of user code that fails is logged and left out.
        """
        ours = generate_latest(self._registry)
        try:
            return ours + generate_latest(REGISTRY)
        except Exception:
            _logger.exception("a metric of the default registry cannot be read")
            return ours

    def collect(self) -> Iterator[Metric]:
        """Lay the numbers out; called by prometheus_client."""
        yield from self._collect_requests()
        yield from self._collect_batches()
        rows = GaugeMetricFamily("jubako_queue_rows", "Rows that wait for a runner.", labels=("service", "runner"))
        for runner, count in self._queued_rows().items():
            rows.add_metric((self._service, runner), count)
        yield rows

    def _collect_requests(self) -> Iterable[Metric]:
        labels = ("service", "api", "code")
        total = CounterMetricFamily("jubako_request", "Requests that were answered.", labels=labels)
        duration = HistogramMetricFamily(
            "jubako_request_duration_seconds", "Time from the headers to the end of the answer.", labels=labels
        )
        for (api, status), series in list(self._requests.items()):
            values = (self._service, api, str(status))
            total.add_metric(values, sum(series.counts))
            duration.add_metric(values, series.buckets(), series.total)
        progress = GaugeMetricFamily(
            "jubako_request_in_progress", "Requests that are being answered.", labels=("service", "api")
        )
        for api, count in list(self._in_progress.items()):
            progress.add_metric((self._service, api), count)
        return total, duration, progress

    def _collect_batches(self) -> Iterable[Metric]:
        labels = ("service", "runner", "method")
        size = HistogramMetricFamily("jubako_batch_size", "Rows of the batches that returned.", labels=labels)
        length = HistogramMetricFamily(
            "jubako_batch_queue_rows",
            "Rows that waited at the replica when a batch was taken up, its own included.",
            labels=labels,
        )
        queue = HistogramMetricFamily(
            "jubako_batch_queue_seconds", "Time that calls waited before they were taken up.", labels=labels
        )
        compute = HistogramMetricFamily(
            "jubako_batch_compute_seconds", "Time of batches in the runner's own code.", labels=labels
        )
        failed = CounterMetricFamily("jubako_batch_failed", "Batches whose runner raised.", labels=labels)
        for (runner, method), series in list(self._batches.items()):
            values = (self._service, runner, method)
            size.add_metric(values, series.rows.buckets(), series.rows.total)
            length.add_metric(values, series.queue_rows.buckets(), series.queue_rows.total)
            queue.add_metric(values, series.queue_seconds.buckets(), series.queue_seconds.total)
            compute.add_metric(values, series.compute_seconds.buckets(), series.compute_seconds.total)
            failed.add_metric(values, series.failed)
        return size, length, queue, compute, failed
