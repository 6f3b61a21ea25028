"""`InferenceRoutes`: APIs answered as raw ASGI, looked up before Quart (which alone would cost as much again).

A request's way: body read once within its limits ▸ decoded ▸ the user's function ▸ encoded ▸ sent in one piece.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import Any

import attrs

from jubako.contracts.descriptor import EncodedBody
from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.errors import DeadlineExceeded, InternalServerError
from jubako.runners import call_deadline
from jubako.server.exchange import CLIENT_LEFT, SCOPE_KEY, Exchange
from jubako.server.held_bytes import HeldBytes
from jubako.server.limits import ClientLeft, read_body, read_timeout
from jubako.server.problems import Problem, problem_of, problem_of_status, send_problem
from jubako.server.request_watch import RequestWatch
from jubako.server.thread_pool import ThreadPool
from jubako.services import InferenceAPI
from jubako.settings import ServerSettings

_logger = logging.getLogger(__name__)

# Decoding this much JSON takes about 2 ms; more is not done on the event loop.
_LARGE_BODY_BYTES = 256 * 1024

_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t\xa0-\xff]*")

# Those that say where an answer ends, and what becomes of its connection; and the one that the descriptor gives apart.
_OWN_HEADERS = frozenset({"connection", "content-length", "content-type", "keep-alive", "transfer-encoding", "upgrade"})

_NOT_POST = (b"allow", b"POST")


@attrs.frozen
class Workplace:
    """What the APIs of one application share.

    Args:
        settings: limits and timeouts.
        threads: where sync functions run.
        decoders: where large bodies are decoded.
        watch: ends requests that are late, and those of clients that left.
        held: counts the bytes of bodies and answers.
    """

    settings: ServerSettings
    threads: ThreadPool
    decoders: ThreadPool
    watch: RequestWatch
    held: HeldBytes


class InferenceRoutes:
    """Answers requests for the routes of APIs and passes all others on.

    Args:
        app: what answers the other routes.
        apis: the service's APIs.
        workplace: what they share.
    """

    def __init__(self, app: ASGIApp, apis: tuple[InferenceAPI, ...], workplace: Workplace) -> None:
        self._app = app
        self._routes = {f"/{api.route}": InferenceRoute(api, workplace) for api in apis}

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Answer an API's request, or pass it on."""
        exchange: Exchange = scope[SCOPE_KEY]
        route = self._routes.get(exchange.path)
        if route is None:
            await self._app(scope, receive, send)
        elif exchange.method == "POST":
            await route.answer(exchange, receive, send)
        else:
            detail = (
                f"{exchange.path} takes POST, not {exchange.method[:20]}. Do: send the input as the body of a POST."
            )
            await send_problem(send, problem_of_status(405, detail, headers=(_NOT_POST,)), exchange.id)


class InferenceRoute:
    """One API.

    Args:
        api: the API.
        workplace: what it shares with the others.
    """

    def __init__(self, api: InferenceAPI, workplace: Workplace) -> None:
        self._api = api
        self._is_async = api.is_async
        self._workplace = workplace

    async def answer(self, exchange: Exchange, receive: ASGIReceive, send: ASGISend) -> None:
        """Send exactly one response, unless the client has left or the server cuts the request."""
        try:
            encoded = await self._compute(exchange, receive)
            self._workplace.held.hold(exchange, len(encoded.body))
        except ClientLeft:
            exchange.status = CLIENT_LEFT
        except _Refused as refused:
            await send_problem(send, refused.problem, exchange.id)
        except Exception as error:  # noqa: BLE001  # the user's code; recorded with its name
            problem = problem_of(error)
            _log_failure(self._api.name, problem, error)
            await send_problem(send, problem, exchange.id)
        else:
            await send({"type": "http.response.start", "status": 200, "headers": _response_headers(encoded)})
            await send({"type": "http.response.body", "body": encoded.body})

    async def _compute(self, exchange: Exchange, receive: ASGIReceive) -> EncodedBody:
        settings, held = self._workplace.settings, self._workplace.held
        timeout_s = settings.timeout_s
        asked = exchange.headers.get(b"x-request-timeout")
        if asked is not None:
            timeout_s = min(timeout_s, read_timeout(asked))
        deadline_s = exchange.started_s + timeout_s
        body_timeout_s = min(settings.body_timeout_s, timeout_s)
        has_body = False
        watched = self._workplace.watch.add(exchange.started_s + body_timeout_s, exchange.started_s)
        try:
            body = await read_body(receive, exchange, held, settings.max_body_bytes, settings.max_body_chunks)
            has_body = True
            watched.watch_client(receive, deadline_s)
            call_deadline.set(deadline_s)
            return await self._call(exchange, body, deadline_s)
        except asyncio.CancelledError as error:
            if watched.verdict == "left":
                raise ClientLeft from None
            if watched.verdict == "late":
                raise _Refused(_late(timeout_s) if has_body else _no_body(body_timeout_s)) from None
            if not watched.task.cancelling():
                # Nobody cancelled the request: the function awaited something that was cancelled.
                raise InternalServerError("The API's function raised CancelledError.") from error
            raise
        except SystemExit as error:
            raise InternalServerError("The API's function exits the process.") from error
        finally:
            self._workplace.watch.remove(watched)

    async def _call(self, exchange: Exchange, body: bytes, deadline_s: float) -> EncodedBody:
        value = await self._decode(body, exchange.headers.get(b"content-type", b"").decode("latin-1"))
        if time.monotonic() >= deadline_s:
            # The watch has had no turn yet: the loop was busy, perhaps with this very body.
            raise DeadlineExceeded("the request's time was over before its API was called.")
        accept = exchange.headers.get(b"accept", b"").decode("latin-1")
        if self._is_async:
            return self._encode(await self._api.func(value), accept)
        return await self._workplace.threads.run(self._call_in_thread, value, accept)

    async def _decode(self, body: bytes, content_type: str) -> Any:
        descriptor = self._api.input
        if len(body) > _LARGE_BODY_BYTES or descriptor.is_heavy:
            return await self._workplace.decoders.run(descriptor.decode, body, content_type)
        return descriptor.decode(body, content_type)

    def _call_in_thread(self, value: Any, accept: str) -> EncodedBody:
        return self._encode(self._api.func(value), accept)

    def _encode(self, result: Any, accept: str) -> EncodedBody:
        try:
            encoded = self._api.output.encode(result, accept)
        except Exception as error:
            # Whatever it is, it is not the client's fault: a wrong value must not come out as a 400.
            raise InternalServerError(
                f"API {self._api.name!r} returned what its output descriptor cannot encode.", why=str(error)
            ) from error
        if not _HEADER_VALUE.fullmatch(encoded.content_type):
            raise self._forbidden_header("content-type")
        for name, value in encoded.headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value) or name in _OWN_HEADERS:
                raise self._forbidden_header(name)
        return encoded

    def _forbidden_header(self, name: str) -> InternalServerError:
        return InternalServerError(
            f"API {self._api.name!r} set a response header {name!r} that HTTP forbids, or leaves to the server."
        )


class _Refused(Exception):
    """The request is answered with a problem that no error class stands for."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem


def _late(timeout_s: float) -> Problem:
    return Problem(504, "deadline-exceeded", f"The answer was not ready within {timeout_s:g} s.")


def _no_body(timeout_s: float) -> Problem:
    # The rest of the body may still come: what follows on the connection could not be told from a new request.
    return problem_of_status(
        408, f"The body did not arrive within {timeout_s:g} s.", headers=((b"connection", b"close"),)
    )


def _response_headers(encoded: EncodedBody) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", encoded.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(encoded.body)),
    ]
    if encoded.headers:
        headers += [(name.encode("ascii"), value.encode("latin-1")) for name, value in encoded.headers.items()]
    return headers


def _log_failure(api_name: str, problem: Problem, error: Exception) -> None:
    """Write what the client is not told; overload and lateness are no faults, and get no traceback."""
    if problem.status in (503, 504):
        _logger.warning("API %s answered %d: %s", api_name, problem.status, error)
    elif problem.status >= 500:
        _logger.error("API %s failed", api_name, exc_info=error)
