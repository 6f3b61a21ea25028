"""`PreparedCalls`: calls of an API that asks for more than its input, or whose answer is a stream.

They are kept apart from those of other APIs, which pay nothing for what they do not ask for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.errors import DeadlineExceeded
from jubako.server.call import Call
from jubako.server.held_bytes import HeldBytes
from jubako.server.leases import Lease
from jubako.server.problems import Problem
from jubako.server.request_watch import Watched
from jubako.server.streaming import WITHOUT_BODY, ItemStream, bodiless
from jubako.server.thread_pool import ThreadPool
from jubako.services import InferenceAPI
from jubako.services.context import Response

# Decoding this much JSON takes about 2 ms; more is not done on the event loop.
LARGE_BODY_BYTES = 256 * 1024


def is_quick(api: InferenceAPI) -> bool:
    """True if an API needs none of this: its function gets what is decoded, and its answer goes out in one piece."""
    descriptor = api.input
    if descriptor is None or descriptor.is_heavy or _is_released(descriptor):
        return False
    return api.plan.is_plain and not api.is_stream


class PreparedCalls:
    """Calls of one API.

    Args:
        api: the API.
        threads: where sync functions run.
        decoders: where large bodies, and those of heavy descriptors, are decoded and encoded.
        held: counts the items of streams.
        encode: lays an answer in one piece out, for an Accept header.
    """

    def __init__(
        self,
        api: InferenceAPI,
        threads: ThreadPool,
        decoders: ThreadPool,
        held: HeldBytes,
        encode: Callable[[Any, str], EncodedBody],
    ) -> None:
        self._api = api
        self._plan = api.plan
        self._threads = threads
        self._decoders = decoders
        self._encode = encode
        self._stream = ItemStream(api.name, api.output, threads, decoders, held) if api.is_stream else None

    async def answer(self, call: Call, body: bytes, watched: Watched, timeout_s: float) -> EncodedBody | None:
        """Return the answer; None if it was a stream, which has been sent.

        Args:
            call: the call.
            body: the request's.
            watched: ends the request when its time is over.
            timeout_s: what the request has, and then each item of a stream.
        """
        call.path_values = self._plan.read_path(call.path_texts)
        if self._plan.context_name:
            call.open_context()
        value = await self._read(call, body)
        if time.monotonic() >= watched.deadline_s:
            raise too_late()
        if self._stream is not None:
            items = self._invoke(call, value)
            await self._stream.send(call, items, watched, timeout_s, is_async=self._api.is_async)
            return None
        if not self._api.is_async:
            return await self._threads.run(self._call_in_thread, call, value)
        result = await self._invoke(call, value)
        if self._api.output.is_heavy:
            return await self._decoders.run(self._encode, result, call.accept)
        return self._encode(result, call.accept)

    async def break_off(self, call: Call, problem: Problem) -> None:
        """End a stream that has begun and cannot be completed; see `ItemStream.break_off`."""
        if self._stream is not None:
            await self._stream.break_off(call, problem)

    async def _read(self, call: Call, body: bytes) -> Any:
        descriptor = self._api.input
        if descriptor is None:
            return None
        if _is_released(descriptor):
            post = self._decoders.post if descriptor.is_heavy else None
            call.lease = Lease(descriptor.release, post, self._api.name)
        if len(body) > LARGE_BODY_BYTES or descriptor.is_heavy:
            return await self._decoders.run(_decode, descriptor, body, call)
        return _decode(descriptor, body, call)

    def _invoke(self, call: Call, value: Any) -> Any:
        return self._plan.call(self._api.func, value, call.path_values, call.context)

    def _call_in_thread(self, call: Call, value: Any) -> EncodedBody:
        lease = call.lease
        if lease is None:
            return self._encode(self._invoke(call, value), call.accept)
        if not lease.take():
            raise too_late()
        try:
            return self._encode(self._invoke(call, value), call.accept)
        finally:
            lease.drop(in_thread=True)


def too_late() -> DeadlineExceeded:
    """The error of a request whose time is over before its API is called.

    The watch may have had no turn yet: the loop was busy, perhaps with this very body.
    """
    return DeadlineExceeded("the request's time was over before its API was called.")


def with_response(head: dict[str, Any], body: bytes, response: Response) -> tuple[dict[str, Any], bytes]:
    """Return the two parts of an answer with what the function has set of it."""
    status, set_headers = response.send()
    names = {name for name, _ in set_headers}
    headers = [header for header in head["headers"] if header[0] not in names] + set_headers
    if status in WITHOUT_BODY:
        body = b""
        headers = bodiless(status, headers)
    return {"type": "http.response.start", "status": status, "headers": headers}, body


def _is_released(descriptor: Descriptor) -> bool:
    return type(descriptor).release is not Descriptor.release


def _decode(descriptor: Descriptor, body: bytes, call: Call) -> Any:
    value = descriptor.decode(body, call.content_type)
    if call.lease is not None:
        call.lease.fill(value)
    return value
