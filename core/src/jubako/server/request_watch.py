"""`RequestWatch`: ends requests that take too long, and those whose client has left, so that their work is withdrawn.

One timer serves all requests in flight, and none runs while there are none. A timeout and a task of its own for each
request would cost it 15 and 10 µs, a tenth of all that it costs.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Literal

from jubako.contracts.http_server import ASGIReceive

# How often is looked for clients that left. Also the age from which one is watched: most answers are faster.
_SWEEP_S = 0.05

# How late a request may be ended, so that thousands of different deadlines are not a look at all requests each.
_SHORTEST_WAIT_S = 0.005

Verdict = Literal["", "late", "left"]


class Watched:
    """One request in flight.

    Args:
        task: is cancelled when the request is ended.
        deadline_s: when it is late, on the clock of `time.monotonic()`.

    Attributes:
        verdict: why the task was cancelled; empty if it was not, or not by the watch.
    """

    __slots__ = ("deadline_s", "is_old", "receive", "task", "verdict", "watcher")

    def __init__(self, task: asyncio.Task[Any], deadline_s: float) -> None:
        self.task = task
        self.deadline_s = deadline_s
        self.verdict: Verdict = ""
        self.receive: ASGIReceive | None = None
        self.is_old = False
        self.watcher: asyncio.Task[None] | None = None

    def watch_client(self, receive: ASGIReceive, deadline_s: float) -> None:
        """Expect no more of the client than that it stays; from now on `receive` belongs to the watch."""
        self.receive = receive
        self.deadline_s = deadline_s

    def end(self, verdict: Verdict) -> None:
        """Cancel the task, once."""
        if not self.verdict:
            self.verdict = verdict
            self.task.cancel()


class RequestWatch:
    """Looks at the requests in flight when one is late, and every 50 ms."""

    def __init__(self) -> None:
        self._in_flight: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None
        # When the timer fires, on the clock of `time.monotonic()`.
        self._sweep_at_s = 0.0

    def add(self, deadline_s: float, now_s: float) -> Watched:
        """Watch the request that the current task answers, until `remove`.

        Args:
            deadline_s: when it is late, on the clock of `time.monotonic()`; it may be put off later, but not drawn
                nearer.
            now_s: the time on that clock, or a moment ago.
        """
        task = asyncio.current_task()
        if task is None:  # never under asyncio; tells the type checker
            raise RuntimeError("a request is answered outside a task")
        watched = Watched(task, deadline_s)
        self._in_flight.add(watched)
        if self._timer is None:
            self._sweep_by(min(deadline_s, now_s + _SWEEP_S), now_s)
        elif deadline_s < self._sweep_at_s:
            self._timer.cancel()
            self._sweep_by(deadline_s, now_s)
        return watched

    def remove(self, watched: Watched) -> None:
        """Watch the request no longer; the task's cancellation, if there was one, has been dealt with."""
        self._in_flight.discard(watched)
        if watched.watcher is not None:
            watched.watcher.cancel()
            # Its traceback leads back here. Cycles of some thousand requests took 50 ms of one collection.
            watched.watcher = None
        if watched.verdict:
            watched.task.uncancel()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = time.monotonic()
        next_s = now_s + _SWEEP_S
        for watched in self._in_flight:
            if now_s >= watched.deadline_s:
                watched.end("late")
                continue
            next_s = min(next_s, watched.deadline_s)
            if watched.receive is not None and watched.watcher is None:
                if watched.is_old:
                    watched.watcher = loop.create_task(_wait_for_disconnect(watched, watched.receive))
                watched.is_old = True
        self._timer = None
        if self._in_flight:
            self._sweep_by(next_s, now_s)

    def _sweep_by(self, sweep_at_s: float, now_s: float) -> None:
        self._sweep_at_s = sweep_at_s
        self._timer = asyncio.get_running_loop().call_later(max(_SHORTEST_WAIT_S, sweep_at_s - now_s), self._sweep)


async def _wait_for_disconnect(watched: Watched, receive: ASGIReceive) -> None:
    message = await receive()
    # Servers may repeat the end of the body; anything but a disconnect says that the client is there.
    while message["type"] != "http.disconnect":
        message = await receive()
    watched.end("left")
