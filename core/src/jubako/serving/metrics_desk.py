"""`MetricsDesk`: the supervisor's side of `/metrics`: takes what processes report, and answers who asks for the sum."""

from __future__ import annotations

import itertools
from collections import Counter

import orjson

from jubako.serving.children import Child
from jubako.serving.control import AskMetrics, Counted, Metrics, Record
from jubako.serving.exits import Cause
from jubako.serving.metrics_sum import MetricsSum


class MetricsDesk:
    """One for all generations, so that what an old one counted stays; belongs to the supervisor's loop."""

    def __init__(self) -> None:
        self._sum = MetricsSum()
        self._numbers = itertools.count()
        self._exits: Counter[tuple[str, Cause]] = Counter()

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

        self.count_exit(child, role)
        child.hear(take)
        child.ended.add_done_callback(lambda _: self._sum.forget_gauges(role, slot, number))

    def count_exit(self, child: Child, role: str) -> None:
        """Count a process's end when it comes, by its cause.

        Args:
            child: the process.
            role: see `attend`.
        """

        def count(_ended: object) -> None:
            self._exits[role, child.cause] += 1
            samples = [
                ["jubako_process_exits_total", ["cause", cause, "role", role], float(number)]
                for (role, cause), number in sorted(self._exits.items())
            ]
            help_text = "Processes of the server that have ended, by role and cause"
            self._sum.add("supervisor", 0, -1, [["jubako_process_exits", "counter", help_text, samples]])

        child.ended.add_done_callback(count)
