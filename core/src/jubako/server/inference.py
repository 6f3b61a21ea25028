"""`InferenceRoute`: one API, answered as raw ASGI.

A request's way: body read once within its limits ▸ decoded ▸ the user's function ▸ encoded ▸ sent in one piece, or item
by item (`streaming`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from jubako.contracts.descriptor import EncodedBody
from jubako.contracts.http_server import ASGIReceive, ASGISend
from jubako.errors import InternalServerError
from jubako.runners import call_deadline
from jubako.server.call import Call
from jubako.server.calls import LARGE_BODY_BYTES, PreparedCalls, is_quick, too_late, with_response
from jubako.server.exchange import CLIENT_LEFT, Exchange
from jubako.server.held_bytes import HeldBytes
from jubako.server.limits import ClientLeft, read_body, read_timeout
from jubako.server.problems import Problem, problem_of, problem_of_status, send_problem
from jubako.server.request_watch import RequestWatch
from jubako.server.thread_pool import ThreadPool
from jubako.services import InferenceAPI
from jubako.services.headers import check_header, is_header_value
from jubako.settings import ServerSettings

_logger = logging.getLogger(__name__)


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


class InferenceRoute:
    """One API.

    What nearly every API needs is done here, and nothing is prepared for more. `PreparedCalls` is for those that need
    more: a context, path parameters, a stream, an input that is released.

    Args:
        api: the API.
        workplace: what it shares with the others.
    """

    def __init__(self, api: InferenceAPI, workplace: Workplace) -> None:
        self._name = api.name
        self._func = api.func
        self._is_async = api.is_async
        self._output = api.output
        self._encodes_on_loop = api.is_async and not api.output.is_heavy
        self._workplace = workplace
        # Without an input all is left to PreparedCalls.
        self._decode: Callable[[bytes, str], Any] = _decode_nothing if api.input is None else api.input.decode
        # The content type that was looked at last: nearly always that of the next answer.
        self._sound_type = ""
        self._prepared: PreparedCalls | None = None
        if not is_quick(api):
            threads, decoders, held = workplace.threads, workplace.decoders, workplace.held
            self._prepared = PreparedCalls(api, threads, decoders, held, self._encode)

    async def answer(
        self,
        exchange: Exchange,
        scope: dict[str, Any],
        receive: ASGIReceive,
        send: ASGISend,
        path_texts: Mapping[str, str],
    ) -> None:
        """Send exactly one response, unless the client has left or the server cuts the request."""
        call = None if self._prepared is None else Call(exchange, scope, send, path_texts)
        try:
            encoded = await self._compute(exchange, receive, call)
            if encoded is not None:
                self._workplace.held.hold(exchange, len(encoded.body))
        except ClientLeft:
            exchange.status = CLIENT_LEFT
        except Refused as refused:
            await self._refuse(exchange, send, call, refused.problem)
        except Exception as error:  # noqa: BLE001  # the user's code; recorded with its name
            problem = problem_of(error)
            _log_failure(self._name, problem, error)
            await self._refuse(exchange, send, call, problem)
        else:
            if encoded is not None:
                head = _head(encoded)
                body = encoded.body
                if call is not None and call.context is not None:
                    head, body = with_response(head, body, call.context.response)
                await send(head)
                await send({"type": "http.response.body", "body": body})
        finally:
            if call is not None and call.lease is not None:
                call.lease.drop()

    async def _compute(self, exchange: Exchange, receive: ASGIReceive, call: Call | None) -> EncodedBody | None:
        """Return the answer; None if it was a stream, which has been sent."""
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
            if self._prepared is None or call is None:
                return await self._call(exchange, body, deadline_s)
            return await self._prepared.answer(call, body, watched, timeout_s)
        except asyncio.CancelledError as error:
            if watched.verdict == "left":
                raise ClientLeft from None
            if watched.verdict == "late":
                raise Refused(_late(timeout_s) if has_body else _no_body(body_timeout_s)) from None
            if not watched.task.cancelling():
                # Nobody cancelled the request: the function awaited something that was cancelled.
                raise InternalServerError("The API's function raised CancelledError.") from error
            if call is not None and call.stream_type:
                exchange.status = 503  # the server stops, and what it sent is no whole answer
            raise
        except (Exception, GeneratorExit):
            # The latter ends the coroutine itself.
            raise
        except BaseException as error:
            # sys.exit, KeyboardInterrupt: what would end the process, or a class of the user's own.
            raise InternalServerError(f"The API's function raised {type(error).__name__}.") from error
        finally:
            self._workplace.watch.remove(watched)

    async def _call(self, exchange: Exchange, body: bytes, deadline_s: float) -> EncodedBody:
        headers = exchange.headers
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        if len(body) > LARGE_BODY_BYTES:
            value = await self._workplace.decoders.run(self._decode, body, content_type)
        else:
            value = self._decode(body, content_type)
        if time.monotonic() >= deadline_s:
            raise too_late()
        accept = headers.get(b"accept", b"").decode("latin-1")
        if self._encodes_on_loop:
            return self._encode(await self._func(value), accept)
        if self._is_async:
            return await self._workplace.decoders.run(self._encode, await self._func(value), accept)
        return await self._workplace.threads.run(self._call_in_thread, value, accept)

    def _call_in_thread(self, value: Any, accept: str) -> EncodedBody:
        return self._encode(self._func(value), accept)

    async def _refuse(self, exchange: Exchange, send: ASGISend, call: Call | None, problem: Problem) -> None:
        if self._prepared is not None and call is not None and call.stream_type:
            await self._prepared.break_off(call, problem)
        else:
            await send_problem(send, problem, exchange.id)

    def _encode(self, result: Any, accept: str) -> EncodedBody:
        try:
            encoded = self._output.encode(result, accept)
        except Exception as error:
            # Whatever it is, it is not the client's fault: a wrong value must not come out as a 400.
            raise InternalServerError(
                f"API {self._name!r} returned what its output descriptor cannot encode.", why=str(error)
            ) from error
        if encoded.content_type != self._sound_type:
            if not is_header_value(encoded.content_type):
                raise InternalServerError(
                    f"API {self._name!r} gives a content type that HTTP forbids: {encoded.content_type!r:.200}."
                )
            self._sound_type = encoded.content_type
        for name, value in encoded.headers.items():
            check_header(name, value)
        return encoded


class Refused(Exception):
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


def _decode_nothing(body: bytes, content_type: str) -> None:
    """Stands for the descriptor of an API that has no input."""


def _head(encoded: EncodedBody) -> dict[str, Any]:
    headers = [
        (b"content-type", encoded.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(encoded.body)),
    ]
    if encoded.headers:
        headers += [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in encoded.headers.items()]
    return {"type": "http.response.start", "status": 200, "headers": headers}


def _log_failure(api_name: str, problem: Problem, error: Exception) -> None:
    """Write what the client is not told; overload and lateness are no faults, and get no traceback."""
    if problem.status in (503, 504):
        _logger.warning("API %s answered %d: %s", api_name, problem.status, error)
    elif problem.status >= 500:
        _logger.error("API %s failed", api_name, exc_info=error)
