"""`Connection`: one TCP connection under Hypercorn's protocols, with the limits that Hypercorn leaves out.

Hypercorn's own connection class has one timeout for headers and for idle connections, none for a client that does not
read, no way to be closed from outside, and starts and cancels a task per request (35 to 60 µs of about 190). HTTP/1.1,
HTTP/2 and WebSocket themselves are Hypercorn's, unchanged.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
from typing import Any, cast

import h11
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import AppWrapper, ConnectionState, LifespanState
from hypercorn.utils import parse_socket_addr

from jubako.server.app_tasks import AppTasks
from jubako.server.in_flight import InFlight
from jubako.server.tls import begin_tls
from jubako.settings import ServerSettings

_logger = logging.getLogger(__name__)

_READ_BYTES = 2**18
_HELD_BYTES = 2**16

# A client that still sends a refused body must be read for a moment: closing with unread data resets the connection,
# and the client may lose the answer (RFC 9112, section 9.6).
_LINGER_S = 1.0

# A client that reads less than this in `body_timeout_s` is not reading.
_SLOWEST_READ_BYTES = 2**16


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
        config: Config,
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
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._is_idle = True
        self._is_lingering = False
        self._deadline_s = self._loop.time() + settings.header_timeout_s
        self._protocol: ProtocolWrapper

    async def run(self) -> None:
        """Serve the connection until either side closes it."""
        try:
            if self._tls is not None:
                self._reader, self._writer = await begin_tls(
                    self._accepted, self._tls, self._settings.header_timeout_s, self._settings.body_timeout_s
                )
                self._deadline_s = self._loop.time() + self._settings.header_timeout_s
            async with AppTasks(self._loop) as tasks:
                self._protocol = self._open_protocol(tasks)
                await self._protocol.initiate()
                await self._read()
        except (OSError, asyncio.CancelledError):
            pass  # the peer is gone or speaks no TLS, or the server cut the connection: nobody to tell
        except Exception:
            _logger.exception("a connection failed")
        finally:
            self._close()

    def close_if_late(self, now_s: float) -> None:
        """Close the connection if its headers, its next request or its goodbye are overdue."""
        if now_s >= self._deadline_s:
            self._close()

    def close_if_idle(self) -> None:
        """Close the connection if it is not in the middle of a request."""
        if self._is_idle:
            self._close()

    def abort(self) -> None:
        """Close the connection now; what was not sent is lost."""
        self._writer.transport.abort()

    def _open_protocol(self, tasks: TaskGroup) -> ProtocolWrapper:
        connected: socket.socket = self._writer.get_extra_info("socket")
        return ProtocolWrapper(
            cast("AppWrapper", self._app),  # only handed to AppTasks, which calls it as ASGI says
            self._config,
            self._context,
            tasks,
            ConnectionState(LifespanState({})),
            self._tls is not None,
            parse_socket_addr(connected.family, self._writer.get_extra_info("peername")),
            parse_socket_addr(connected.family, self._writer.get_extra_info("sockname")),
            self._handle,
            self._chosen_protocol(),
        )

    def _chosen_protocol(self) -> str:
        """What client and server agreed on while they shook hands (ALPN); most clients without TLS ask for HTTP/1.1."""
        secured: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return (secured and secured.selected_alpn_protocol()) or "http/1.1"

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(_READ_BYTES):
                if self._is_lingering:
                    continue
                was_idle, was_http1 = self._is_idle, self._is_http1
                limit = self._settings.max_header_bytes + 1
                if was_idle and len(data) > limit:
                    # h11 limits headers only while they are incomplete; what came at once is cut in two for it.
                    await self._protocol.handle(RawData(data[:limit]))
                    data = data[limit:]
                await self._protocol.handle(RawData(data))
                if was_http1 and not self._is_http1:
                    # Hypercorn takes HTTP/2's first line for a request, and does not say when none came after it.
                    protocol: Any = self._protocol.protocol
                    await self._handle(Updated(idle=protocol.idle))
                elif was_idle and self._is_idle and self._is_http1:
                    # A request has begun and its headers are not whole. The first such piece sets the deadline.
                    self._deadline_s = min(self._deadline_s, self._loop.time() + self._settings.header_timeout_s)
        except OSError:
            pass  # a reset is an end like any other
        await self._protocol.handle(Closed())

    async def _handle(self, event: Event) -> None:
        """Take what the protocol wants done: bytes sent, the connection closed, or to know that it is (not) idle."""
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Updated):
            self._is_idle = event.idle
            self._deadline_s = self._loop.time() + self._settings.keep_alive_s if event.idle else math.inf
            if event.idle and self._context.terminated.is_set():
                self._close()
        elif isinstance(event, Closed):
            self._finish()

    async def _write(self, data: bytes) -> None:
        # Head, body and end of a response come one after the other: one write for them saves two system calls.
        if not data:
            return
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > _HELD_BYTES:
            self._flush()
            await self._drain()

    def _flush(self) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        if held and not self._writer.transport.is_closing():
            # Large pieces are not joined, but written one by one.
            for piece in held if len(held[-1]) > _HELD_BYTES else (b"".join(held),):
                self._writer.write(piece)

    async def _drain(self) -> None:
        transport = self._writer.transport
        while True:
            waiting_bytes = transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(self._settings.body_timeout_s):
                    await self._writer.drain()
            except TimeoutError:
                if transport.get_write_buffer_size() > waiting_bytes - _SLOWEST_READ_BYTES:
                    transport.abort()
                    return
            except ConnectionError:
                return  # the reading side hears of it too, and tells the protocol
            else:
                return

    def _finish(self) -> None:
        """Close after a last answer; while the client still sends, read on for a moment, so that it gets the answer."""
        if not self._is_sending or self._reader.at_eof():
            self._close()
        elif not self._is_lingering:
            self._flush()
            # TLS has no half of a connection to close.
            if self._writer.can_write_eof() and not self._writer.transport.is_closing():
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
            self._loop.call_later(self._settings.body_timeout_s, transport.abort)

    @property
    def _is_http1(self) -> bool:
        return isinstance(self._protocol.protocol, H11Protocol)

    @property
    def _is_sending(self) -> bool:
        protocol: Any = self._protocol.protocol
        return isinstance(protocol, H11Protocol) and protocol.connection.their_state in (h11.SEND_BODY, h11.ERROR)
