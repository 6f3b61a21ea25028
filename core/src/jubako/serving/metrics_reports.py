"""`MetricsReports`: a process tells the supervisor what it has counted, and asks for the sum of all."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

import orjson

from jubako.serving.control import AskMetrics, Counted, Metrics, Record
from jubako.serving.metrics_sum import Registry, take_snapshot

_logger = logging.getLogger(__name__)

_REPORT_S = 1.0
# A supervisor that is there answers within milliseconds; so long a scraper can wait for one that is not.
_ANSWER_S = 1.0
_CLOSE_S = 1.0


class MetricsReports:
    """Reports every second and at the end, from a thread of its own, for users' collectors and the link may block.

    Args:
        registries: what is reported.
        send: sends a record to the supervisor, from any thread.
        answer_s: seconds that `ask` waits for an answer.
    """

    def __init__(
        self, registries: Sequence[Registry], send: Callable[[Record], None], answer_s: float = _ANSWER_S
    ) -> None:
        self._registries = registries
        self._send = send
        self._answer_s = answer_s
        self._has_failed = False
        self._is_closing = False
        self._woken = threading.Event()
        self._asked = 0
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._thread = threading.Thread(target=self._report, name="jubako-metrics", daemon=True)
        self._thread.start()

    async def ask(self) -> str | None:
        """Report now, and return the sum of all processes; None if the supervisor does not answer in time.

        Always on one event loop, the one that `take_answer` is called on.
        """
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked += 1
        number = self._asked
        self._answers[number] = answer
        self._woken.set()
        try:
            async with asyncio.timeout(self._answer_s):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._answers[number]

    def take_answer(self, answered: Metrics) -> None:
        """Take the sum that was asked for, for all who asked before this process reported what is in it."""
        for number, answer in self._answers.items():
            if number <= answered.number and not answer.done():
                answer.set_result(answered.text)

    def close(self) -> None:
        """Report for the last time, and end the thread; waits for at most a second."""
        self._is_closing = True
        self._woken.set()
        self._thread.join(_CLOSE_S)

    def _report(self) -> None:
        told = 0
        while not self._is_closing:
            self._woken.wait(_REPORT_S)
            self._woken.clear()
            # Before the numbers are read: who asks from now on is told in the next turn.
            asked = self._asked
            snapshot = take_snapshot(self._registries, self._note_failure)
            self._send(Counted(orjson.dumps(snapshot).decode()))
            if asked != told:
                self._send(AskMetrics(asked))
                told = asked

    def _note_failure(self, error: Exception) -> None:
        # Once, not every second.
        if not self._has_failed:
            self._has_failed = True
            _logger.error("a metric of user code cannot be read; it is left out", exc_info=error)
