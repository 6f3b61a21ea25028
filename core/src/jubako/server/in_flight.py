"""`InFlight`: the requests and WebSockets that an application is answering, so that a stop can end on time."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs

from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.errors import ServiceUnavailable
from jubako.server.exchange import SCOPE_KEY, Exchange
from jubako.server.problems import problem_of, send_problem

# RFC 6455, section 7.4, and the IANA registry: "service restart".
_WEBSOCKET_RESTART = 1012


class InFlight:
    """Stands between an HTTP server and an application and knows what is being answered.

    Hypercorn's own `graceful_timeout` is ignored from Python 3.12 on (its issue 308), hence this.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running: dict[asyncio.Task[Any], str] = {}
        self._cut: set[asyncio.Task[Any]] = set()
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Have the application answer."""
        task = asyncio.current_task()
        if task is None:  # never under asyncio; tells the type checker
            raise RuntimeError("an application is called outside a task")
        has_begun = False

        async def note_and_send(message: dict[str, Any]) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        self._running[task] = scope["type"]
        self._is_idle.clear()
        try:
            await self._app(scope, receive, note_and_send)
        except asyncio.CancelledError:
            if task not in self._cut:
                raise
            task.uncancel()
            await _say_goodbye(scope, send, has_begun=has_begun)
        finally:
            self._cut.discard(task)
            del self._running[task]
            if not self._running:
                self._is_idle.set()

    async def drain(self, seconds: float) -> bool:
        """Wait until nothing is in flight, WebSockets being closed at once.

        Returns:
            False if something was still in flight after `seconds`.
        """
        self._end("websocket")
        try:
            async with asyncio.timeout(seconds):
                await self._is_idle.wait()
        except TimeoutError:
            return False
        return True

    async def cut(self, grace_s: float) -> None:
        """End what is in flight: 503 to requests whose answer has not begun; returns at the latest after `grace_s`."""
        self._end("http")
        await self.drain(grace_s)

    def _end(self, scope_type: str) -> None:
        for task, running_type in list(self._running.items()):
            if running_type == scope_type and task not in self._cut:
                self._cut.add(task)
                task.cancel()


async def _say_goodbye(scope: dict[str, Any], send: ASGISend, *, has_begun: bool) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _WEBSOCKET_RESTART})
    elif not has_begun:
        exchange: Exchange | None = scope.get(SCOPE_KEY)
        request_id = "" if exchange is None else exchange.id
        problem = problem_of(ServiceUnavailable("The server stops."))
        # The application, which adds this header to its own answers, has been cut.
        problem = attrs.evolve(problem, headers=(*problem.headers, (b"x-request-id", request_id.encode("ascii"))))
        await send_problem(send, problem, request_id)
