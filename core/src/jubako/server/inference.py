"""`InferenceRoute`: one API, answered as raw ASGI.

A request's way: body read once within its limits ▸ decoded ▸ the user's function ▸ encoded ▸ sent in one piece, or item
by item (`streaming`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import attrs

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.errors import DeadlineExceeded, InternalServerError
from jubako.runners import call_deadline
from jubako.server.calls import Call
from jubako.server.exchange import CLIENT_LEFT
from jubako.server.held_bytes import HeldBytes
from jubako.server.leases import Lease
from jubako.server.limits import ClientLeft, read_body, read_timeout
from jubako.server.problems import Problem, problem_of, problem_of_status, send_problem
from jubako.server.request_watch import RequestWatch
from jubako.server.streaming import ItemStream
from jubako.server.thread_pool import ThreadPool
from jubako.services import InferenceAPI
from jubako.services.headers import check_header, is_header_value
from jubako.settings import ServerSettings

_logger = logging.getLogger(__name__)

# Decoding this much JSON takes about 2 ms; more is not done on the event loop.
_LARGE_BODY_BYTES = 256 * 1024

# Of answers that have no body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
_WITHOUT_BODY = frozenset({204, 205, 304})


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

    Args:
        api: the API.
        workplace: what it shares with the others.
    """

    def __init__(self, api: InferenceAPI, workplace: Workplace) -> None:
        self._api = api
        self._func = api.func
        self._plan = api.plan
        self._is_plain = api.plan.is_plain
        self._is_async = api.is_async
        self._workplace = workplace
        self._input = api.input
        self._output = api.output
        self._releases = api.input is not None and type(api.input).release is not Descriptor.release
        self._stream: ItemStream | None = None
        if api.is_stream:
            threads, decoders, held = workplace.threads, workplace.decoders, workplace.held
            self._stream = ItemStream(api.name, api.output, threads, decoders, held)

    async def answer(self, call: Call) -> None:
        """Send exactly one response, unless the client has left or the server cuts the request."""
        try:
            encoded = await self._compute(call)
            if encoded is not None:
                self._workplace.held.hold(call.exchange, len(encoded.body))
        except ClientLeft:
            call.exchange.status = CLIENT_LEFT
        except _Refused as refused:
            await self._refuse(call, refused.problem, None)
        except Exception as error:  # noqa: BLE001  # the user's code; recorded with its name
            problem = problem_of(error)
            _log_failure(self._api.name, problem, error)
            await self._refuse(call, problem, error)
        else:
            if encoded is not None:
                await _send_whole(call, encoded)
        finally:
            if call.lease is not None:
                call.lease.drop()

    async def _refuse(self, call: Call, problem: Problem, error: Exception | None) -> None:
        if self._stream is not None and call.stream_type:
            await self._stream.break_off(call, problem, error)
        else:
            await send_problem(call.send, problem, call.exchange.id)

    async def _compute(self, call: Call) -> EncodedBody | None:
        """Return the answer; None if it was a stream, which has been sent."""
        settings, held, exchange = self._workplace.settings, self._workplace.held, call.exchange
        timeout_s = settings.timeout_s
        asked = exchange.headers.get(b"x-request-timeout")
        if asked is not None:
            timeout_s = min(timeout_s, read_timeout(asked))
        call.timeout_s = timeout_s
        deadline_s = exchange.started_s + timeout_s
        body_timeout_s = min(settings.body_timeout_s, timeout_s)
        has_body = False
        watched = self._workplace.watch.add(exchange.started_s + body_timeout_s, exchange.started_s)
        try:
            body = await read_body(call.receive, exchange, held, settings.max_body_bytes, settings.max_body_chunks)
            has_body = True
            watched.watch_client(call.receive, deadline_s)
            call_deadline.set(deadline_s)
            value = await self._read(call, body)
            if time.monotonic() >= deadline_s:
                # The watch has had no turn yet: the loop was busy, perhaps with this very body.
                raise DeadlineExceeded("the request's time was over before its API was called.")
            if self._stream is not None:
                await self._stream.send(call, self._invoke(call, value), watched, is_async=self._is_async)
                return None
            return await self._call(call, value)
        except asyncio.CancelledError as error:
            if watched.verdict == "left":
                raise ClientLeft from None
            if watched.verdict == "late":
                raise _Refused(_late(timeout_s) if has_body else _no_body(body_timeout_s)) from None
            if not watched.task.cancelling():
                # Nobody cancelled the request: the function awaited something that was cancelled.
                raise InternalServerError("The API's function raised CancelledError.") from error
            if call.stream_type:
                exchange.status = 503  # the server stops, and what it sent is no whole answer
            raise
        except SystemExit as error:
            raise InternalServerError("The API's function exits the process.") from error
        finally:
            self._workplace.watch.remove(watched)

    async def _read(self, call: Call, body: bytes) -> Any:
        """Return the function's input, and make what else it gets."""
        if not self._is_plain:
            call.path_values = self._plan.read_path(call.path_texts)
            if self._plan.context_name:
                call.open_context()
        descriptor = self._input
        if descriptor is None:
            return None
        content_type = call.exchange.headers.get(b"content-type", b"").decode("latin-1")
        if self._releases:
            post = self._workplace.decoders.post if descriptor.is_heavy else None
            call.lease = Lease(descriptor.release, post, self._api.name)
        if len(body) > _LARGE_BODY_BYTES or descriptor.is_heavy:
            return await self._workplace.decoders.run(_decode, descriptor, body, content_type, call.lease)
        return _decode(descriptor, body, content_type, call.lease)

    async def _call(self, call: Call, value: Any) -> EncodedBody:
        if not self._is_async:
            return await self._workplace.threads.run(self._call_in_thread, call, value)
        result = await self._invoke(call, value)
        if self._output.is_heavy:
            return await self._workplace.decoders.run(self._encode, result, call.accept)
        return self._encode(result, call.accept)

    def _invoke(self, call: Call, value: Any) -> Any:
        if self._is_plain:
            return self._func(value)
        return self._plan.call(self._func, value, call.path_values, call.context)

    def _call_in_thread(self, call: Call, value: Any) -> EncodedBody:
        lease = call.lease
        if lease is None:
            return self._encode(self._invoke(call, value), call.accept)
        if not lease.take():
            raise DeadlineExceeded("the request was over before its API was called.")
        try:
            return self._encode(self._invoke(call, value), call.accept)
        finally:
            lease.drop(in_thread=True)

    def _encode(self, result: Any, accept: str) -> EncodedBody:
        try:
            encoded = self._output.encode(result, accept)
        except Exception as error:
            # Whatever it is, it is not the client's fault: a wrong value must not come out as a 400.
            raise InternalServerError(
                f"API {self._api.name!r} returned what its output descriptor cannot encode.", why=str(error)
            ) from error
        if not is_header_value(encoded.content_type):
            raise InternalServerError(
                f"API {self._api.name!r} gives a content type that HTTP forbids: {encoded.content_type!r:.200}."
            )
        for name, value in encoded.headers.items():
            check_header(name, value)
        return encoded


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


def _decode(descriptor: Descriptor, body: bytes, content_type: str, lease: Lease | None) -> Any:
    value = descriptor.decode(body, content_type)
    if lease is not None:
        lease.fill(value)
    return value


async def _send_whole(call: Call, encoded: EncodedBody) -> None:
    body = encoded.body
    status = 200
    headers = [(b"content-type", encoded.content_type.encode("latin-1")), (b"content-length", b"%d" % len(body))]
    if encoded.headers:
        headers += [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in encoded.headers.items()]
    if call.context is not None:
        status, set_headers = call.context.response.send()
        names = {name for name, _ in set_headers}
        headers = [header for header in headers if header[0] not in names] + set_headers
        if status in _WITHOUT_BODY:
            body = b""
            headers = [header for header in headers if not header[0].startswith(b"content-")]
            if status == 205:
                headers.append((b"content-length", b"0"))
    await call.send({"type": "http.response.start", "status": status, "headers": headers})
    await call.send({"type": "http.response.body", "body": body})


def _log_failure(api_name: str, problem: Problem, error: Exception) -> None:
    """Write what the client is not told; overload and lateness are no faults, and get no traceback."""
    if problem.status in (503, 504):
        _logger.warning("API %s answered %d: %s", api_name, problem.status, error)
    elif problem.status >= 500:
        _logger.error("API %s failed", api_name, exc_info=error)
