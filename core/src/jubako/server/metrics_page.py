"""What `/metrics` answers: the sum of all processes of a server, or what this one has counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from jubako.server.metrics import ServiceMetrics
from jubako.server.thread_pool import ThreadPool


@attrs.frozen
class OneOfMany:
    """What a process is among the API workers of one server.

    Args:
        slot: which API worker, from 0.
        gather_metrics: gives the metrics of all processes, in Prometheus' text format, or None if they cannot be had
            now; None if there are no other processes.
    """

    slot: int = 0
    gather_metrics: Callable[[], Awaitable[str | None]] | None = None


ALONE = OneOfMany()


class MetricsPage:
    """Answers `/metrics`.

    Args:
        metrics: of this process.
        threads: for collectors of user code, which may block.
        one_of: which process it is.
    """

    def __init__(self, metrics: ServiceMetrics, threads: ThreadPool, one_of: OneOfMany) -> None:
        self._metrics = metrics
        self._threads = threads
        self._one_of = one_of

    async def render(self) -> bytes:
        """The metrics in Prometheus' text format; the first line says so if they are not those of all processes."""
        gather = self._one_of.gather_metrics
        if gather is None:
            return await self._threads.run(self._metrics.render)
        text = await gather()
        if text is not None:
            return text.encode()
        alone = f"# The supervisor does not answer: these are the metrics of API worker {self._one_of.slot} alone.\n"
        return alone.encode() + await self._threads.run(self._metrics.render)
