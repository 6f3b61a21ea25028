"""`ItemStream`: what a generator yields, encoded and sent item by item.

An item is asked for when the one before it is on its way, and no sooner: a client that does not read holds up the
function instead of filling the memory, until the server's write timeout cuts it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from http import HTTPStatus
from typing import Any

from jubako.contracts.descriptor import Descriptor
from jubako.descriptors.media_types import choose_media_type, plain_media_type
from jubako.errors import InternalServerError
from jubako.runners import call_deadline
from jubako.server.call import Call
from jubako.server.held_bytes import HeldBytes
from jubako.server.item_sources import END, AsyncItems, ThreadedItems
from jubako.server.problems import Problem
from jubako.server.request_watch import Watched
from jubako.server.thread_pool import ThreadPool

_logger = logging.getLogger(__name__)

EVENTS = "text/event-stream"

# https://html.spec.whatwg.org/multipage/server-sent-events.html: a line may end in each of them.
_LINE_END = re.compile(rb"\r\n|\r|\n")

# What asks proxies and browsers not to gather events, or to show old ones.
_EVENT_HEADERS = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))

# Answers that have no body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED})

# Turns of the event loop until what was sent is with the operating system: HTTP/2 has a task for it, and what one turn
# sends leaves in one write. A function that computes without awaiting would hold the item back that it has yielded.
_TURNS_TO_LEAVE = 2


class ItemStream:
    """Answers of one API whose function is a generator.

    Args:
        name: the API's, for errors and the log.
        output: lays out each item.
        threads: where sync generators are moved on.
        encoders: where the items of heavy descriptors are encoded.
        held: counts an item until it is sent.
    """

    def __init__(
        self, name: str, output: Descriptor, threads: ThreadPool, encoders: ThreadPool, held: HeldBytes
    ) -> None:
        self._name = name
        self._output = output
        self._threads = threads
        self._encoders = encoders
        self._held = held
        self._chunk_type = plain_media_type(output.stream_media_type)
        self._is_text = _is_text(output.media_types[0]) if output.media_types else False

    async def send(self, call: Call, generator: Any, watched: Watched, timeout_s: float, *, is_async: bool) -> None:
        """Send all items and the end of the answer; the generator is closed whatever happens.

        Raises what the generator raises. If `call.stream_type` is set by then, the answer has begun.

        Args:
            call: the call.
            generator: what the function returned.
            watched: ends the request if an item is late; sending has no deadline but the server's write timeout.
            timeout_s: what each item has, beginning with the second one.
            is_async: True moves the generator on in this task, False in threads.
        """
        offered = (self._chunk_type, EVENTS) if self._is_text else (self._chunk_type,)
        stream_type = choose_media_type(call.accept, offered)
        encode = self._encode_event if stream_type == EVENTS else self._encode_chunk
        items: AsyncItems | ThreadedItems
        if is_async:
            items = AsyncItems(generator, encode, self._encoders if self._output.is_heavy else None, self._name)
        else:
            items = ThreadedItems(generator, encode, self._threads, call.lease, self._name)
        try:
            piece = await items.next()
            status = await self._begin(call, stream_type, piece)
            while piece is not END and status not in WITHOUT_BODY:
                await self._send_piece(call, piece, watched)
                deadline_s = time.monotonic() + timeout_s
                call_deadline.set(deadline_s)
                watched.deadline_s = deadline_s
                piece = await items.next()
                if watched.verdict:
                    # The function has caught the cancellation that tells it to end.
                    raise asyncio.CancelledError
            watched.deadline_s = math.inf
            await call.send({"type": "http.response.body", "body": b""})
        finally:
            await items.close(timeout_s)

    async def break_off(self, call: Call, problem: Problem) -> None:
        """End an answer that has begun and cannot be completed, so that the client sees that.

        Among server-sent events the problem is one, named `error`. Anything else lacks its end: the connection is
        closed (HTTP/1.1) or the stream reset (HTTP/2) by the server, as it does for every answer without an end.
        """
        _logger.warning("API %s broke its stream off with %d: %s", self._name, problem.status, problem.detail)
        # What log and metrics tell is how the answer ended: its first line was sent long ago.
        call.exchange.status = problem.status
        if call.stream_type == EVENTS:
            event = b"event: error\n" + event_of(problem.encode(call.exchange.id))
            await call.send({"type": "http.response.body", "body": event})

    async def _begin(self, call: Call, stream_type: str, first: Any) -> int:
        """Send the head of the answer, and return its status."""
        status = 200
        more: list[tuple[bytes, bytes]] = []
        if call.context is not None:
            status, more = call.context.response.send()
        if first is not END:
            # Before the answer begins, so that it can still be refused.
            self._held.hold(call.exchange, len(first))
            self._held.let_go(call.exchange, len(first))
        names = {name for name, _ in more}
        content_type = EVENTS if stream_type == EVENTS else self._output.stream_media_type
        headers = [(b"content-type", content_type.encode("latin-1")), *more]
        if stream_type == EVENTS:
            headers += [header for header in _EVENT_HEADERS if header[0] not in names]
        if status in WITHOUT_BODY:
            headers = bodiless(status, headers)
        await call.send({"type": "http.response.start", "status": status, "headers": headers})
        call.stream_type = stream_type
        return status

    async def _send_piece(self, call: Call, piece: bytes, watched: Watched) -> None:
        watched.deadline_s = math.inf
        size = len(piece)
        self._held.hold(call.exchange, size)
        try:
            await call.send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            self._held.let_go(call.exchange, size)
        for _ in range(_TURNS_TO_LEAVE):
            await asyncio.sleep(0)

    def _encode_chunk(self, item: Any) -> bytes:
        try:
            return self._output.encode_item(item)
        except Exception as error:
            raise self._wrong_item(error) from error

    def _encode_event(self, item: Any) -> bytes:
        try:
            return event_of(self._output.encode(item).body)
        except Exception as error:
            raise self._wrong_item(error) from error

    def _wrong_item(self, error: Exception) -> InternalServerError:
        # Whatever it is, it is not the client's fault: a wrong value must not come out as a 400.
        return InternalServerError(
            f"API {self._name!r} yielded what its output descriptor cannot encode.", why=str(error)
        )


def bodiless(status: int, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer without those of its body, which it cannot have."""
    kept = [header for header in headers if not header[0].startswith(b"content-")]
    return [*kept, (b"content-length", b"0")] if status == HTTPStatus.RESET_CONTENT else kept


def event_of(body: bytes) -> bytes:
    """Lay a body out as the data of one server-sent event, a line of it in each line."""
    return b"".join(b"data: %s\n" % line for line in _LINE_END.split(body)) + b"\n"


def _is_text(media_type: str) -> bool:
    """True for what can be laid out in events, which are UTF-8."""
    plain = plain_media_type(media_type)
    return plain.startswith("text/") or plain == "application/json" or plain.endswith("+json")
