"""`Deadlines`: one timer for the deadlines of all calls of a queue."""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable, Container

# Ended calls are forgotten once they are most of what is remembered, so that a call costs O(log n) however it ends.
_SLACK = 64


class Deadlines:
    """Tells which calls are past their deadline; lives on one event loop.

    Args:
        open_numbers: the calls that have not ended, by number; looked at, never changed.
        on_due: called with the numbers of calls that are past their deadline, earliest first.
    """

    def __init__(self, open_numbers: Container[int], on_due: Callable[[list[int]], None]) -> None:
        self._open_numbers = open_numbers
        self._on_due = on_due
        self._heap: list[tuple[float, int]] = []
        self._forget_at = _SLACK
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_s = math.inf

    def add(self, number: int, deadline_s: float, now_s: float) -> None:
        """Watch over one call; both times are on the clock of `time.monotonic()`."""
        heapq.heappush(self._heap, (deadline_s, number))
        if len(self._heap) > self._forget_at:
            self._forget_ended()
        # Deadlines mostly come in order, so the timer of the first stands until it fires.
        if deadline_s < self._timer_at_s:
            self._set_timer(deadline_s, now_s)

    def _forget_ended(self) -> None:
        self._heap = [entry for entry in self._heap if entry[1] in self._open_numbers]
        heapq.heapify(self._heap)
        self._forget_at = 2 * len(self._heap) + _SLACK

    def _set_timer(self, at_s: float, now_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at_s = at_s
        self._timer = asyncio.get_running_loop().call_later(max(0.0, at_s - now_s), self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._timer_at_s = math.inf
        now_s = time.monotonic()
        due = []
        while self._heap and (self._heap[0][0] <= now_s or self._heap[0][1] not in self._open_numbers):
            _, number = heapq.heappop(self._heap)
            if number in self._open_numbers:
                due.append(number)
        if self._heap:
            self._set_timer(self._heap[0][0], now_s)
        if due:
            self._on_due(due)
