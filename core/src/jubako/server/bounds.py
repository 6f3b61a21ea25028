"""`Bounds`: the limits of a request, round applications that read its body themselves.

These are Quart, mounts and plugins' routes. APIs do not pass here: they read bodies whole, in one place
(`InferenceRoute`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.errors import BadInput, JubakoError
from jubako.server.exchange import CLIENT_LEFT, SCOPE_KEY, Exchange
from jubako.server.inference import Workplace
from jubako.server.limits import check_declared_length, too_large, too_many_pieces
from jubako.server.problems import Problem, problem_of, problem_of_status, send_problem

_logger = logging.getLogger(__name__)

_DISCONNECT = {"type": "http.disconnect"}


class Bounds:
    """Holds an application to the limits of size and time, and answers for it where it fails.

    What it is given of a body counts as held until the request ends. A body that breaks a limit ends for the
    application as if the client had left; the client gets the problem. The deadline of a request holds until its answer
    begins, for what streams may take its time. A WebSocket passes as it is (see `Entrance.converse`).

    Args:
        app: the application.
        name: of the application, for the log.
        workplace: limits, and what counts them.
    """

    def __init__(self, app: ASGIApp, name: str, workplace: Workplace) -> None:
        self._app = app
        self._name = name
        self._workplace = workplace

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Have the application answer within the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange: Exchange = scope[SCOPE_KEY]
        settings = self._workplace.settings
        try:
            check_declared_length(exchange.headers, settings.max_body_bytes)
        except BadInput as refused:
            await send_problem(send, problem_of(refused), exchange.id)
            return
        watched = self._workplace.watch.add(exchange.started_s + settings.timeout_s, time.monotonic())
        bounded = _Bounded(exchange, receive, send, self._workplace, lambda: self._workplace.watch.remove(watched))
        error: Exception | None = None
        try:
            await self._app(scope, bounded.receive, bounded.send)
        except asyncio.CancelledError:
            if watched.verdict != "late":
                raise
            bounded.problem = Problem(504, "deadline-exceeded", f"No answer began within {settings.timeout_s:g} s.")
        except Exception as raised:  # noqa: BLE001  # the mounted application's own; recorded with its name
            error = raised
        finally:
            self._workplace.watch.remove(watched)
        await self._finish(bounded, exchange, error)

    async def _finish(self, bounded: _Bounded, exchange: Exchange, error: Exception | None) -> None:
        """Answer what the application has left unanswered, and record what it raised."""
        if error is not None and bounded.problem is None and not bounded.has_left:
            _log_error(self._name, exchange, error)
        if bounded.is_complete:
            return
        if bounded.has_begun:
            # Nobody can answer any more: the HTTP server ends the connection, so that the client sees it.
            raise error or RuntimeError(f"{self._name} ended before its answer was whole")
        if bounded.problem is not None:
            await send_problem(bounded.send_past, bounded.problem, exchange.id)
        elif bounded.has_left:
            exchange.status = CLIENT_LEFT
        else:
            if error is None:
                _logger.error("%s gave no answer to %s", self._name, exchange.path)
            await send_problem(bounded.send_past, problem_of(error or RuntimeError()), exchange.id)


class _Bounded:
    """`receive` and `send` of one request, as the application gets them."""

    def __init__(
        self, exchange: Exchange, receive: ASGIReceive, send: ASGISend, workplace: Workplace, answer_begins: Any
    ) -> None:
        self._exchange = exchange
        self._receive = receive
        self._workplace = workplace
        self._answer_begins = answer_begins
        self._size = 0
        self._pieces = 0
        self._is_whole = False
        self.send_past = send
        self.problem: Problem | None = None
        self.has_begun = False
        self.is_complete = False
        self.has_left = False

    async def receive(self) -> dict[str, Any]:
        """A piece of the body, or the end."""
        if self.problem is not None:
            return dict(_DISCONNECT)
        message = await self._receive() if self._is_whole else await self._receive_in_time()
        if message is None:
            return dict(_DISCONNECT)
        if message["type"] != "http.request":
            self.has_left = True
            return message
        try:
            self._count(message.get("body", b""))
        except JubakoError as error:
            self.problem = problem_of(error)
            return dict(_DISCONNECT)
        self._is_whole = not message.get("more_body", False)
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """Pass an answer on, unless the client has been refused already."""
        if self.problem is not None and not self.has_begun:
            return
        if message["type"] == "http.response.start":
            self.has_begun = True
            self._answer_begins()
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.is_complete = True
        await self.send_past(message)

    async def _receive_in_time(self) -> dict[str, Any] | None:
        timeout_s = self._workplace.settings.body_timeout_s
        left_s = self._exchange.started_s + timeout_s - time.monotonic()
        try:
            async with asyncio.timeout(left_s):
                return await self._receive()
        except TimeoutError:
            detail = f"The body did not arrive within {timeout_s:g} s."
            # The rest may still come: what follows on the connection could not be told from a new request.
            self.problem = problem_of_status(408, detail, headers=((b"connection", b"close"),))
            return None

    def _count(self, piece: bytes) -> None:
        if not piece:
            return
        settings = self._workplace.settings
        self._size += len(piece)
        self._pieces += 1
        if self._size > settings.max_body_bytes:
            raise too_large(settings.max_body_bytes)
        if self._pieces > settings.max_body_chunks:
            raise too_many_pieces(settings.max_body_chunks)
        self._workplace.held.hold(self._exchange, len(piece))


def _log_error(name: str, exchange: Exchange, error: Exception) -> None:
    problem = problem_of(error)
    if problem.status >= 500:
        _logger.error("%s failed on %s %s", name, exchange.method, exchange.path, exc_info=error)
