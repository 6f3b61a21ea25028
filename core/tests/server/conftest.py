"""A real Hypercorn on a free port, inside the test's own event loop, and clients that speak in bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import attrs
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Ping, Request, TextMessage

from jubako.plugins import compose
from jubako.server import Application, make_application
from jubako.server.hypercorn_server import serve
from jubako.services import Service
from jubako.settings import AccessLogSettings, LoggingSettings, ServerSettings, Settings, StoreSettings
from jubako.workspace import Workspace, open_workspace

PATIENCE_S = 60.0


@attrs.frozen
class Answer:
    """One HTTP/1.1 response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def parse(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)


@attrs.frozen
class Site:
    """A server that runs, and ways to talk to it."""

    port: int
    stop: asyncio.Event
    task: asyncio.Task[None]
    application: Application | None = None

    async def send_raw(self, data: bytes, *, eof: bool = False) -> bytes:
        """Send bytes, perhaps close our side, and return all until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        received = bytearray()

        async def read() -> None:
            with contextlib.suppress(ConnectionError):
                while piece := await reader.read(65536):
                    received.extend(piece)

        with contextlib.closing(writer):
            reading = asyncio.create_task(read())
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                await writer.drain()
                if eof:
                    writer.write_eof()
            await asyncio.wait_for(reading, PATIENCE_S)
        return bytes(received)

    async def ask(
        self,
        path: str,
        body: bytes | None = None,
        *,
        method: str | None = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request and return the whole answer."""
        lines = {"host": "localhost", "connection": "close", **(headers or {})}
        if body is not None:
            lines.setdefault("content-type", content_type)
            lines.setdefault("content-length", str(len(body)))
        head = f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return parse(await self.send_raw(head.encode("latin-1") + b"\r\n" + (body or b"")))

    async def ended(self) -> None:
        await asyncio.wait_for(asyncio.shield(self.task), PATIENCE_S)


@pytest.fixture
def make_workspace(tmp_path) -> Callable[..., Workspace]:
    """A workspace of its own, with the built-in plugin only and no access log unless it is asked for."""

    def make(**server: Any) -> Workspace:
        server.setdefault("logging", LoggingSettings(access=AccessLogSettings(enabled=False)))
        settings = Settings(server=ServerSettings(**server), stores=StoreSettings(home=tmp_path / "home"))
        return open_workspace(settings, compose(attrs.evolve(settings.plugins, allow=())))

    return make


@pytest.fixture
async def serve_app() -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Serve an ASGI application with Hypercorn on a free port until the test ends."""
    sites: list[Site] = []

    async def start(app: Any, settings: ServerSettings | None = None) -> Site:
        listening = socket.create_server(("127.0.0.1", 0))
        stop, is_ready = asyncio.Event(), asyncio.Event()

        async def run() -> None:
            with listening:
                await serve(app, [listening], settings or ServerSettings(), is_ready.set, stop)

        task = asyncio.create_task(run())
        waiting = asyncio.create_task(is_ready.wait())
        await asyncio.wait((task, waiting), timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            await task
        site = Site(listening.getsockname()[1], stop, task, app if isinstance(app, Application) else None)
        sites.append(site)
        return site

    yield start
    for site in sites:
        site.stop.set()
        if not site.task.cancelled():
            await asyncio.wait_for(site.task, PATIENCE_S)


@pytest.fixture
def serve_service(serve_app, make_workspace) -> Callable[..., Awaitable[Site]]:
    """Serve a Service; keyword arguments are keys of the `server` section."""

    async def start(service: Service, **server: Any) -> Site:
        workspace = make_workspace(**server)
        return await serve_app(make_application(service, workspace=workspace), workspace.settings.server)

    return start


class Talk:
    """A WebSocket client; `status` is that of the answer to the handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Any) -> None:
        self._reader, self._writer, self._connection = reader, writer, connection
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    async def event(self) -> Any:
        """The next event of wsproto."""
        while True:
            for event in self._connection.events():
                if not isinstance(event, Ping):
                    return event
            data = await asyncio.wait_for(self._reader.read(65536), PATIENCE_S)
            self._connection.receive_data(data or None)

    async def shake_hands(self) -> Talk:
        event = await self.event()
        if isinstance(event, AcceptConnection):
            self.status = 101
            self.headers = dict(event.extra_headers)
        else:
            self.status, self.headers = event.status_code, dict(event.headers)
            while event.__class__.__name__ != "RejectData" or not event.body_finished:
                event = await self.event()
                self.body += getattr(event, "data", b"")
        return self

    async def send(self, text: str) -> None:
        self._writer.write(self._connection.send(TextMessage(data=text)))
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def open_websocket() -> AsyncIterator[Callable[..., Awaitable[Talk]]]:
    """Open WebSockets at a port of this machine; all are closed after the test."""
    talks: list[Talk] = []

    async def connect(port: int, path: str, **headers: str) -> Talk:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connection = WSConnection(ConnectionType.CLIENT)
        host = headers.pop("host", "localhost")
        extra = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        writer.write(connection.send(Request(host=host, target=path, extra_headers=extra)))
        talks.append(Talk(reader, writer, connection))
        return await talks[-1].shake_hands()

    yield connect
    for talk in talks:
        talk.close()
