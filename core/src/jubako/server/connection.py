"""`Connection`: one TCP connection under Hypercorn's protocols, with the limits that Hypercorn leaves out.

Hypercorn's own connection class has one timeout for headers and for idle connections, none for a client that does not
read, no way to be closed from outside, and starts and cancels a task per request (35 to 60 µs of about 190).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import ssl
from typing import TypeVar, cast

from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H2ProtocolAssumedError
from hypercorn.typing import AppWrapper, ConnectionState, LifespanState
from hypercorn.utils import parse_socket_addr

from jubako.server.app_tasks import AppTasks
from jubako.server.http1 import Http1
from jubako.server.http2 import Http2
from jubako.server.in_flight import InFlight
from jubako.server.protocol_config import ProtocolConfig
from jubako.server.tls import begin_tls
from jubako.settings import ServerSettings

_logger = logging.getLogger(__name__)

_READ_BYTES = 2**18
_HELD_BYTES = 2**16

# A client that still sends a refused body must be read for a moment: closing with unread data resets the connection,
# and the client may lose the answer (RFC 9112, section 9.6).
_LINGER_S = 1.0

# A client that reads less than this in `write_timeout_s` is not reading.
_SLOWEST_READ_BYTES = 2**16

# Longer answers go to the transport a piece at a time: before Python 3.12 it copies what it cannot send at once.
_PIECE_BYTES = 2**18

_Protocol = TypeVar("_Protocol", Http1, Http2)


class Connection:
    """One accepted connection; lives in the task that calls `run`.

    Args:
        app: what answers.
        config: for Hypercorn's protocols.
        context: of this server; says when it stops.
        settings: the limits.
        tls: None serves in the clear.
        reader: of the connection.
        writer: of the connection.
    """

    def __init__(
        self,
        app: InFlight,
        config: ProtocolConfig,
        context: WorkerContext,
        settings: ServerSettings,
        tls: ssl.SSLContext | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._app = app
        self._config = config
        self._context = context
        self._settings = settings
        self._tls = tls
        self._reader = reader
        self._writer = self._accepted = writer
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes | memoryview] = []
        self._held_bytes = 0
        self._is_idle = True
        self._is_lingering = False
        self._is_backed_up = False
        self._written_bytes = 0
        # Where the client's reading stood, and when, while something waits for it.
        self._read_bytes = 0
        self._reading_since_s = math.inf
        self._deadline_s = self._loop.time() + settings.header_timeout_s
        self._protocol: Http1 | Http2
        self._http2: Http2 | None = None
        self._tasks: TaskGroup

    async def run(self) -> None:
        """Serve the connection until either side closes it."""
        try:
            if self._tls is not None:
                self._reader, self._writer = await begin_tls(
                    self._accepted, self._tls, self._settings.header_timeout_s, self._settings.write_timeout_s
                )
                self._deadline_s = self._loop.time() + self._settings.header_timeout_s
            async with AppTasks(self._loop) as tasks:
                self._tasks = tasks
                if self._chosen_protocol() == "h2":
                    self._protocol = self._http2 = self._open_protocol(Http2)
                else:
                    self._protocol = self._open_protocol(Http1)
                await self._protocol.initiate()
                await self._read()
        except (OSError, asyncio.CancelledError):
            pass  # the peer is gone or speaks no TLS, or the server cut the connection: nobody to tell
        except Exception:
            _logger.exception("a connection failed")
        finally:
            self._close()

    def close_if_late(self, now_s: float) -> None:
        """Close the connection if its headers, its next request or its goodbye are overdue, or if nobody reads it."""
        if now_s >= self._deadline_s:
            self._close()
        waiting_bytes = self._writer.transport.get_write_buffer_size()
        read_bytes = self._written_bytes - waiting_bytes
        if not waiting_bytes:
            self._reading_since_s = math.inf
        elif self._reading_since_s == math.inf or read_bytes - self._read_bytes >= _SLOWEST_READ_BYTES:
            self._reading_since_s, self._read_bytes = now_s, read_bytes
        elif now_s - self._reading_since_s >= self._settings.write_timeout_s:
            self.abort()
        before_s = now_s - self._settings.write_timeout_s
        if self._http2 is not None and self._http2.has_stalled(before_s):
            self._tasks.spawn(self._http2.reset_stalled, before_s)

    def close_if_idle(self) -> None:
        """Close the connection if it is not in the middle of a request."""
        if self._is_idle:
            self._close()

    def abort(self) -> None:
        """Close the connection now; what was not sent is lost."""
        self._writer.transport.abort()

    def _open_protocol(self, kind: type[_Protocol]) -> _Protocol:
        connected: socket.socket = self._writer.get_extra_info("socket")
        return kind(
            cast("AppWrapper", self._app),  # only handed to AppTasks, which calls it as ASGI says
            self._config,
            self._context,
            self._tasks,
            ConnectionState(LifespanState({})),
            self._tls is not None,
            parse_socket_addr(connected.family, self._writer.get_extra_info("peername")),
            parse_socket_addr(connected.family, self._writer.get_extra_info("sockname")),
            self._handle,
        )

    def _chosen_protocol(self) -> str:
        """What client and server agreed on while they shook hands (ALPN); most clients without TLS ask for HTTP/1.1."""
        secured: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return (secured and secured.selected_alpn_protocol()) or "http/1.1"

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(_READ_BYTES):
                if not self._is_lingering:
                    await self._take(data)
        except OSError:
            pass  # a reset is an end like any other
        await self._protocol.handle(Closed())

    async def _take(self, data: bytes) -> None:
        was_idle = self._is_idle
        try:
            await self._protocol.handle(RawData(data))
        except H2ProtocolAssumedError as error:
            self._protocol = self._http2 = self._open_protocol(Http2)
            await self._protocol.initiate()
            await self._protocol.handle(RawData(error.data))
        if was_idle and self._is_idle and self._protocol.is_amid_headers:
            # The first piece of headers that are not whole sets the deadline.
            self._deadline_s = min(self._deadline_s, self._loop.time() + self._settings.header_timeout_s)
        if self._is_backed_up:
            # A client that sends without reading what it is answered (pings, requests) must not fill the memory.
            await self._drain()

    async def _handle(self, event: Event) -> None:
        """Take what the protocol wants done: bytes sent, the connection closed, or to know that it is (not) idle."""
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Updated):
            self._is_idle = event.idle
            self._deadline_s = self._loop.time() + self._patience_s() if event.idle else math.inf
            if event.idle and self._context.terminated.is_set():
                self._close()
            if event.idle and self._writer.transport.is_closing():
                self._protocol.end()
        elif isinstance(event, Closed):
            self._finish()

    def _patience_s(self) -> float:
        """How long an idle connection may wait for whole headers."""
        keep_alive_s = self._settings.keep_alive_s
        return min(self._settings.header_timeout_s, keep_alive_s) if self._protocol.is_amid_headers else keep_alive_s

    async def _write(self, data: bytes) -> None:
        # Head, body and end of a response come one after the other: one write for them saves two system calls.
        if not data:
            return
        if len(data) > _PIECE_BYTES and self._http2 is None:
            await self._write_pieces(data)
            return
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > _HELD_BYTES or self._is_backed_up:
            self._flush()
            await self._drain()

    async def _write_pieces(self, data: bytes) -> None:
        """Write a long answer; nothing else is written meanwhile, for HTTP/1.1 has one answer at a time."""
        view = memoryview(data)
        for start in range(0, len(data), _PIECE_BYTES):
            self._held.append(view[start : start + _PIECE_BYTES])
            self._held_bytes += len(self._held[-1])
            self._flush()
            await self._drain()
            if self._writer.transport.is_closing():
                return

    def _flush(self) -> None:
        held, self._held = self._held, []
        transport = self._writer.transport
        if held and not transport.is_closing():
            self._written_bytes += self._held_bytes
            # Large pieces are not joined, but written one by one.
            for piece in held if len(held[-1]) > _HELD_BYTES else (b"".join(held),):
                self._writer.write(piece)
            self._is_backed_up = transport.get_write_buffer_size() > _HELD_BYTES
        self._held_bytes = 0

    async def _drain(self) -> None:
        # However long that takes: `close_if_late` aborts the connection of a client that does not read.
        # The reading side hears of an error too, and tells the protocol.
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()
        self._is_backed_up = False

    def _finish(self) -> None:
        """Close after a last answer; while the client still sends, read on for a moment, so that it gets the answer."""
        if not self._protocol.is_client_sending or self._reader.at_eof():
            self._close()
        elif not self._is_lingering:
            self._flush()
            # TLS has no half of a connection to close.
            if self._writer.can_write_eof() and not self._writer.transport.is_closing():
                with contextlib.suppress(OSError):  # the client has reset the connection, and nobody has been told yet
                    self._writer.write_eof()
            self._is_lingering = True
            self._deadline_s = self._loop.time() + _LINGER_S

    def _close(self) -> None:
        self._flush()
        self._deadline_s = math.inf
        transport = self._writer.transport
        if transport.is_closing():
            return  # a transport of TLS that is closed twice cannot be asked or aborted any more
        transport.close()
        # `close` sends what is buffered first, for ever if the client does not read it; with TLS for so long anyway.
        if self._tls is None and transport.get_write_buffer_size():
            self._loop.call_later(self._settings.write_timeout_s, transport.abort)
