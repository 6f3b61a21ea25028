"""`Http2`: Hypercorn's HTTP/2, with what it leaves to trust in the client.

Left to itself it waits without end for a client that grants no window, fails as a whole when a client still sends a
body that has been answered, leaves a client waiting whose answer was given up, raises on requests that are none, and
sends whatever an application gives as headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Iterable
from typing import Any

import h2.events
import h2.exceptions
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, InformationalResponse, Request, Response, StreamClosed, Trailers
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.protocol.ws_stream import WSStream

from jubako.errors import InternalServerError
from jubako.server.http2_frames import FrameCount, TooManyFrames
from jubako.server.protocol_config import ProtocolConfig

_logger = logging.getLogger(__name__)

# Frames are parsed so many bytes at a time, and other connections have a turn in between: these may be 80 requests.
_PIECE_BYTES = 2**12

# Of an answer: a client that takes less in the time it has for that is not reading.
_ANSWER_PIECE_BYTES = 2**16

_METHOD = re.compile(rb"[A-Z0-9!#$%&'*+.^_`|~-]{1,100}", re.IGNORECASE)
_PATH = re.compile(rb"\*|/[\x21-\x7e]*")

# Of an answer; HTTP/1.1 is held to it by h11.
_FIELD_NAME = re.compile(rb":?[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FIELD_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_STATUSES = range(200, 1000)


class Http2(H2Protocol):
    """One connection that speaks HTTP/2; arguments are those of Hypercorn's class."""

    is_client_sending = False

    def __init__(self, app: Any, config: ProtocolConfig, *arguments: Any) -> None:
        super().__init__(app, config, *arguments)
        # Hypercorn tells clients of the limit, and does not hold them to it.
        self.connection.decoder.max_header_list_size = config.h2_max_header_list_size
        self.streams = _Streams(self.connection)
        self._loop = asyncio.get_running_loop()
        self._frames = FrameCount(self._loop.time(), self.streams)
        self._sent_bytes = 0
        self._sending_since: dict[int, float] = {}
        self._is_known_idle = False
        self._is_over = False
        self._tell = self.send
        self.send = self._note_and_send

    @property
    def is_amid_headers(self) -> bool:
        """True if a request has begun to arrive and its headers are not whole."""
        return self._frames.is_amid_headers

    async def handle(self, event: Event) -> None:
        """Take bytes of the client, or the connection's end."""
        if not isinstance(event, RawData):
            await super().handle(event)
            for stream_id in list(self.stream_buffers):
                await self._drop(stream_id)
            return
        start = 0
        while start < len(event.data) and not self._is_over:
            if start:
                await asyncio.sleep(0)
            # A frame that is longer is one piece, for it is one event.
            end = start + max(_PIECE_BYTES, self._frames.left_bytes)
            await self._handle_piece(event.data[start:end])
            start = end
        await self._tell_if_idle()

    async def stream_send(self, event: StreamEvent) -> None:
        """Send what an application answers; returns when the client has room for it.

        Raises:
            InternalServerError: a header or a status is none that HTTP has.
        """
        if isinstance(event, Response | InformationalResponse | Trailers | Request):
            _check_answer(event)
        if isinstance(event, StreamClosed):
            await self._reset_if_unfinished(event.stream_id)
            await super().stream_send(event)
        elif isinstance(event, Body) and len(event.data) > _ANSWER_PIECE_BYTES:
            for start in range(0, len(event.data), _ANSWER_PIECE_BYTES):
                piece = event.data[start : start + _ANSWER_PIECE_BYTES]
                await self._send_in_time(Body(stream_id=event.stream_id, data=piece))
        else:
            await self._send_in_time(event)

    def end(self) -> None:
        """Take no further bytes."""
        self._is_over = True

    def has_stalled(self, before_s: float) -> bool:
        """True if there are answers of which nothing was taken since that time."""
        return any(since_s <= before_s for since_s in self._sending_since.values())

    async def reset_stalled(self, before_s: float) -> None:
        """Give up the answers of which nothing was taken since that time, and leave the other streams alone."""
        for stream_id, since_s in list(self._sending_since.items()):
            if since_s <= before_s:
                del self._sending_since[stream_id]
                await self._reset(stream_id, ErrorCodes.CANCEL)
                await self._close_stream(stream_id)
                await self._tell_if_idle()

    async def _handle_piece(self, data: bytes) -> None:
        sent_bytes, self._sent_bytes = self._sent_bytes, 0
        try:
            self._frames.add(data, self._loop.time(), sent_bytes)
        except TooManyFrames:
            _logger.warning("an HTTP/2 client at %s sends too many frames, and is cut", self.client)
            self.connection.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            await self._flush()
            await self.send(Closed())
        else:
            await super().handle(RawData(data))

    async def _send_in_time(self, event: StreamEvent) -> None:
        stream_id = event.stream_id
        self._sending_since[stream_id] = self._loop.time()
        try:
            await super().stream_send(event)
        finally:
            self._sending_since.pop(stream_id, None)

    async def _note_and_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            self._sent_bytes += len(event.data)
        elif isinstance(event, Updated):
            self._is_known_idle = event.idle
        elif isinstance(event, Closed):
            self._is_over = True
        await self._tell(event)

    async def _tell_if_idle(self) -> None:
        # Hypercorn does not say so when the client resets the last of its streams, nor before the first one.
        if self.idle and not self._is_known_idle:
            await self.send(Updated(idle=True))

    async def _reset_if_unfinished(self, stream_id: int) -> None:
        """Tell the client that no more comes of an answer that the application has not ended."""
        waiting = self.stream_buffers.get(stream_id)
        if waiting is not None and not waiting.complete:
            await self._reset(stream_id, ErrorCodes.INTERNAL_ERROR)

    async def _reset(self, stream_id: int, reason: ErrorCodes) -> None:
        try:
            self.connection.reset_stream(stream_id, reason)
        except h2.exceptions.ProtocolError:
            return  # the client was faster, or has left
        await self._drop(stream_id)
        await self._flush()

    async def _drop(self, stream_id: int) -> None:
        """Let go of what waits to be sent on a stream that is over, and of who waits for that."""
        waiting = self.stream_buffers.get(stream_id)
        if waiting is not None:
            await waiting.close()
            # The task that sends finds it complete, and the stream closed, and forgets both.
            await self._window_updated(stream_id)

    async def _handle_events(self, events: list[h2.events.Event]) -> None:
        await super()._handle_events([event for event in events if self._is_sound(event)])
        for event in events:
            if isinstance(event, h2.events.StreamReset) and event.stream_id is not None:
                await self._drop(event.stream_id)

    def _is_sound(self, event: h2.events.Event) -> bool:
        if isinstance(event, h2.events.RequestReceived) and not _is_request(event.headers or ()):
            # RFC 9113, section 8.1.1: what is malformed is an error of its stream.
            with contextlib.suppress(h2.exceptions.ProtocolError):  # the client has reset it in the same breath
                self.connection.reset_stream(event.stream_id or 0, ErrorCodes.PROTOCOL_ERROR)
            return False
        # RFC 9113 has given up priorities; the tree of those that a client names would have no bounds.
        return not isinstance(event, h2.events.PriorityUpdated)


class _Streams(dict[int, HTTPStream | WSStream]):
    """The streams that are open, by number; any other one is over, and takes nothing."""

    def __init__(self, connection: H2Connection) -> None:
        super().__init__()
        self._connection = connection

    def __missing__(self, stream_id: int) -> _Over:
        return _Over(self._connection, stream_id)


class _Over:
    """A stream that has been answered while the client still sends its body."""

    def __init__(self, connection: H2Connection, stream_id: int) -> None:
        self._connection = connection
        self._stream_id = stream_id

    async def handle(self, event: StreamEvent) -> None:
        """Ask the client to stop (RFC 9113, section 8.1)."""
        if isinstance(event, Body):
            try:
                self._connection.reset_stream(self._stream_id, ErrorCodes.NO_ERROR)
            except h2.exceptions.ProtocolError:
                return  # it was asked before


def _check_answer(event: Response | InformationalResponse | Trailers | Request) -> None:
    """Refuse what a proxy that speaks HTTP/1.1 behind us could take for the end of the head, or for another header."""
    for name, value in event.headers:
        if not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise InternalServerError(
                f"an application answers with the header {name!r:.80}, which HTTP forbids.",
                why=f"Its value is {value!r:.200}.",
                do="correct the mounted application or the middleware that sets it",
            )
    if isinstance(event, Response) and event.status_code not in _STATUSES:
        raise InternalServerError(f"an application answers with the status {event.status_code}, which HTTP has not.")


def _is_request(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    named = {bytes(name): bytes(value) for name, value in headers}
    return bool(_METHOD.fullmatch(named.get(b":method", b"")) and _PATH.fullmatch(named.get(b":path", b"")))
