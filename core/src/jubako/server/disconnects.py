"""`DisconnectWatch`: notices clients that leave while their answer is computed, so that the work can be withdrawn."""

from __future__ import annotations

import asyncio
from typing import Any

from jubako.contracts.http_server import ASGIReceive

# Most answers are faster than this and are never watched: a watching task would cost each of them 10 µs.
_SWEEP_S = 0.05


class Watched:
    """One request whose client may leave.

    Args:
        task: is cancelled if the client leaves.
        receive: the request's; nobody else may use it while it is watched.
    """

    __slots__ = ("has_left", "receive", "task", "watcher")

    def __init__(self, task: asyncio.Task[Any], receive: ASGIReceive) -> None:
        self.task = task
        self.receive = receive
        self.has_left = False
        self.watcher: asyncio.Task[None] | None = None


class DisconnectWatch:
    """Watches requests that take longer than 50 ms; within 50 ms more, the task of one whose client left is cancelled.

    One timer serves all requests, and none runs while there are none.
    """

    def __init__(self) -> None:
        self._fresh: set[Watched] = set()
        self._seen: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, receive: ASGIReceive) -> Watched:
        """Watch the request that the current task answers; its body must have been read."""
        task = asyncio.current_task()
        if task is None:  # never under asyncio; tells the type checker
            raise RuntimeError("a request is answered outside a task")
        watched = Watched(task, receive)
        self._fresh.add(watched)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)
        return watched

    def remove(self, watched: Watched) -> None:
        """Watch the request no longer; its answer is computed."""
        self._fresh.discard(watched)
        self._seen.discard(watched)
        if watched.watcher is not None:
            watched.watcher.cancel()

    def _sweep(self) -> None:
        for watched in self._seen:
            watched.watcher = asyncio.get_running_loop().create_task(_watch(watched))
        self._seen, self._fresh = self._fresh, set()
        if self._seen:
            self._timer = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)
        else:
            self._timer = None


async def _watch(watched: Watched) -> None:
    message = await watched.receive()
    # Servers may repeat the end of the body; anything but a disconnect says that the client is there.
    while message["type"] != "http.disconnect":
        message = await watched.receive()
    watched.has_left = True
    watched.task.cancel()
