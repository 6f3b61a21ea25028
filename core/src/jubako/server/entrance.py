"""`Entrance`: the outermost layer of the request path, with limits, request id, access log and metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from jubako._origins import Origin, current_origins
from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.server.exchange import (
    CLIENT_LEFT,
    SCOPE_KEY,
    Exchange,
    RequestIds,
    path_below_root,
    sane_traceparent,
    use_origin_form,
)
from jubako.server.held_bytes import HeldBytes
from jubako.server.limits import HostCheck, refusal, websocket_refusal
from jubako.server.problems import problem_of, send_problem
from jubako.server.websockets import Conversation

_logger = logging.getLogger(__name__)

RequestFinished = Callable[[Exchange, float], None]


class Entrance:
    """Makes the `Exchange` of each request, refuses what breaks a limit, and tells of each answer, refusals included.

    Args:
        app: the layers inside.
        hosts: which Host headers are answered.
        label_of: an API's or endpoint's name by path; `other` for none.
        started: called with the label of each request.
        finished: each is called with the exchange and its seconds when the answer is sent or the client has left;
            plain functions, which must not block.
        held: what requests hold is released here.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: HostCheck,
        label_of: Callable[[str], str],
        started: tuple[Callable[[str], None], ...],
        finished: tuple[RequestFinished, ...],
        held: HeldBytes,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._label_of = label_of
        self._started = started
        self._finished = finished
        self._held = held
        self._ids = RequestIds()

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Answer one HTTP request."""
        is_inner = SCOPE_KEY in scope
        exchange = self._open(scope)
        # The id travels in the answer's headers, once. A body's bytes are counted for the log.
        id_header = () if is_inner else ((b"x-request-id", exchange.id.encode("ascii")),)

        async def note_and_send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                exchange.answer_headers = headers = [*message.get("headers", ()), *id_header]
                message = {**message, "headers": headers}
            else:
                exchange.sent_bytes += len(message.get("body", b""))
            await send(message)

        for started in self._started:
            started(exchange.label)
        try:
            problem = refusal(exchange.path, exchange.headers, self._hosts)
            if problem is None:
                await self._app(scope, receive, note_and_send)
                if not exchange.status:
                    exchange.status = CLIENT_LEFT
            else:
                await send_problem(note_and_send, problem, exchange.id)
        except asyncio.CancelledError:
            if not exchange.status:
                # The server cuts the request at the end of a drain, and answers 503 for us (`InFlight`).
                exchange.status = 503
            raise
        except Exception as error:
            # Middleware; all else answers for itself.
            if exchange.status:
                raise  # its answer has begun: the server ends the connection, so that the client sees it
            _logger.exception("%s %s failed", exchange.method, exchange.path)
            await send_problem(note_and_send, problem_of(error), exchange.id)
        finally:
            self._finish(exchange)

    async def converse(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Serve one WebSocket."""
        is_inner = SCOPE_KEY in scope
        exchange = self._open(scope)
        conversation = Conversation(scope, exchange, receive, send, self._held, names_request=not is_inner)
        for started in self._started:
            started(exchange.label)
        try:
            problem = websocket_refusal(exchange.path, exchange.headers, self._hosts)
            if problem is None:
                await self._app(scope, conversation.receive, conversation.send)
            else:
                await send_problem(conversation.send, problem, exchange.id)
        except asyncio.CancelledError:
            # The server stops and says so to the client (`InFlight`).
            exchange.status = exchange.status or 503
            raise
        except Exception:
            if not conversation.is_over:  # else its application was told so by the error, as by a send that came late
                _logger.exception("the WebSocket at %s failed", exchange.path)
                await conversation.fail()
        finally:
            self._finish(exchange)

    def _finish(self, exchange: Exchange) -> None:
        self._held.release(exchange)
        duration_s = time.monotonic() - exchange.started_s
        for finished in self._finished:
            finished(exchange, duration_s)

    def _open(self, scope: dict[str, Any]) -> Exchange:
        if scope["path"][:1] != "/":
            use_origin_form(scope)
        path = path_below_root(scope)
        exchange = Exchange(scope, path, self._label_of(path), time.monotonic())
        # Mounted in another application of ours, whose request it is.
        outer: Exchange | None = scope.get(SCOPE_KEY)
        exchange.id = self._ids.take(exchange.headers.get(b"x-request-id")) if outer is None else outer.id
        exchange.traceparent = sane_traceparent(exchange.headers.get(b"traceparent"))
        current_origins.set((Origin(exchange.id, exchange.traceparent),))
        scope[SCOPE_KEY] = exchange
        return exchange
