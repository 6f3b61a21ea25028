"""`MetricsDesk`: the supervisor's side of `/metrics`: takes what processes report, and answers who asks for the sum."""

from __future__ import annotations

import itertools

import orjson

from jubako.serving.children import Child
from jubako.serving.control import AskMetrics, Counted, Metrics, Record
from jubako.serving.metrics_sum import MetricsSum


class MetricsDesk:
    """One for all generations, so that what an old one counted stays; belongs to the supervisor's loop."""

    def __init__(self) -> None:
        self._sum = MetricsSum()
        self._numbers = itertools.count()

    def attend(self, child: Child, role: str, slot: int) -> None:
        """Count what a process reports, until it ends and after.

        Args:
            child: the process; anew for each that fills a place.
            role: `api`, or what the process computes.
            slot: which of its role, from 0.
        """
        number = next(self._numbers)

        def take(record: Record) -> None:
            if isinstance(record, Counted):
                self._sum.add(role, slot, number, orjson.loads(record.snapshot))
            elif isinstance(record, AskMetrics):
                child.link.send(Metrics(record.number, self._sum.render()))

        child.hear(take)
        child.ended.add_done_callback(lambda _: self._sum.forget_gauges(role, slot, number))
