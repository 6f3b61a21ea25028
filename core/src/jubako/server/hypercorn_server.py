"""`serve`: the built-in HTTP server, Hypercorn's HTTP/1.1, HTTP/2 and WebSocket (see `contracts.http_server`).

The protocols are Hypercorn's; accepting, limits and stopping are our own, for Hypercorn's stop depends on the version
of Python: before 3.12 it cuts requests after `graceful_timeout`, from 3.12 on it waits for every client without end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Sequence

from hypercorn.asyncio.worker_context import WorkerContext

from jubako.contracts.http_server import ASGIApp
from jubako.server.connection import Connection
from jubako.server.in_flight import InFlight
from jubako.server.lifespan import Lifespan
from jubako.server.protocol_config import ProtocolConfig
from jubako.server.room import room_for_connections
from jubako.server.tls import open_tls_context
from jubako.settings import ServerSettings

_logger = logging.getLogger(__name__)

_SWEEP_S = 0.25
_CUT_GRACE_S = 1.0
_LAST_REQUESTS_S = 0.2

# A connection costs 0.3 ms until it is read; 500 that come at once must not hold up the others for as long as all take.
_ACCEPTS_A_TURN = 16

# Accepting a connection takes a task, whose callback is another one; closing it takes a turn more.
_TURNS_TO_SETTLE = 4

_FULL_BODY = (
    b'{"type":"urn:jubako:problem:service-unavailable","title":"Service unavailable","status":503,'
    b'"detail":"The server has too many connections. Do: try again later."}'
)
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n"
    b"content-type: application/problem+json\r\ncontent-length: %d\r\n\r\n%s" % (len(_FULL_BODY), _FULL_BODY)
)


async def serve(
    app: ASGIApp,
    sockets: Sequence[socket.socket],
    settings: ServerSettings,
    ready: Callable[[], None],
    stop: asyncio.Event,
) -> None:
    """Serve an application until `stop` is set and nothing is in flight; see `contracts.http_server.HttpServer`.

    Soon after `stop` is set WebSockets are closed (1012) and idle connections dropped. Requests have `drain_s`; what is
    left then is answered 503 if its answer has not begun, and cut. Cancelling the coroutine cuts everything at once.
    """
    tls = open_tls_context(settings.ssl)
    lifespan = Lifespan(app)
    try:
        if not await lifespan.start(stop):
            return
        listener = _Listener(app, settings, tls)
        try:
            await listener.open(sockets)
            ready()
            await stop.wait()
            await listener.drain()
        finally:
            await listener.abort()
    finally:
        await lifespan.stop()


class _Listener:
    """Accepts connections and knows those that are open."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, tls: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._tls = tls
        self._config = ProtocolConfig(settings)
        self._context = WorkerContext(None)
        self._in_flight = InFlight(app)
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._is_aborted = False

    async def open(self, sockets: Sequence[socket.socket]) -> None:
        """Accept from now on; the sockets stay the caller's, for what asyncio closes are duplicates."""
        for listening in sockets:
            duplicate = listening.dup()
            self._servers.append(await asyncio.start_server(self._accept, sock=duplicate, backlog=_ACCEPTS_A_TURN))
            # For asyncio both are one number, also how many connections it accepts before anybody else has a turn.
            duplicate.listen(self._settings.backlog)

    async def drain(self) -> None:
        """Accept no more, let what is in flight be answered, end the rest."""
        await self._context.terminated.set()
        self._config.is_draining = True
        await self._close_servers()
        if self._connections:
            # What clients have sent already, or send before they can know, is answered, and the answer tells them.
            await asyncio.sleep(_LAST_REQUESTS_S)
        for connection in list(self._connections.values()):
            connection.close_if_idle()
        if not await self._in_flight.drain(self._settings.drain_s):
            _logger.warning("requests were still in flight after %g s and are cut", self._settings.drain_s)
            await self._in_flight.cut(_CUT_GRACE_S)
        if self._connections:
            # Answers are written; clients that are slow to read them have the same second.
            _, open_still = await asyncio.wait(list(self._connections), timeout=_CUT_GRACE_S)
            if open_still:
                _logger.info("%d connections of clients that do not read are cut", len(open_still))

    async def abort(self) -> None:
        """Close everything now, and connections that are just being accepted; takes a few turns of the loop."""
        self._is_aborted = True
        await self._close_servers()
        if self._sweep is not None:
            self._sweep.cancel()
        for task, connection in self._connections.items():
            connection.abort()
            task.cancel()
        # A connection left to the collector tells its server of its end only then, when that is long closed.
        for _ in range(_TURNS_TO_SETTLE):
            await asyncio.sleep(0)

    async def _close_servers(self) -> None:
        servers, self._servers = self._servers, []
        for server in servers:
            for listening in server.sockets:
                # Windows' loop knows no readers.
                with contextlib.suppress(NotImplementedError):
                    asyncio.get_running_loop().remove_reader(listening.fileno())
        # What asyncio has accepted joins its server some turns later, which must not be closed by then.
        for _ in range(_TURNS_TO_SETTLE):
            await asyncio.sleep(0)
        # Not followed by `wait_closed`, which from Python 3.12 on waits for every open connection.
        for server in servers:
            server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_aborted:
            writer.transport.abort()
            return
        if len(self._connections) >= room_for_connections(self._settings.max_connections):
            if self._tls is None:
                writer.write(_FULL)
            writer.close()
            return
        task = asyncio.current_task()
        if task is None:  # never under asyncio; tells the type checker
            raise RuntimeError("a connection is accepted outside a task")
        connection = Connection(self._in_flight, self._config, self._context, self._settings, self._tls, reader, writer)
        self._connections[task] = connection
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_S, self._close_late)
        try:
            await connection.run()
        finally:
            del self._connections[task]

    def _close_late(self) -> None:
        """Close what is overdue. One timer for all connections costs nothing per request, unlike one for each."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for connection in list(self._connections.values()):
            connection.close_if_late(now_s)
        self._sweep = loop.call_later(_SWEEP_S, self._close_late) if self._connections else None
