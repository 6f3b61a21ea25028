"""`HttpServerTests`: the contract of HTTP servers, for plugins' own tests.

Applications here are bare ASGI functions; requests go through real sockets, byte by byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import attrs
import pytest

from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend, HttpServer
from jubako.errors import JubakoError
from jubako.settings import ServerSettings

# Nothing here takes a second; a machine under load may take far longer.
_PATIENCE_S = 60.0
# Longer than anybody waits here: what would take it is never done in time.
_NEVER_S = 3600.0

_GET = b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n"


class Applet:
    """A small ASGI application: `/echo` sends the body back, `/slow` waits to be released, `/listen` for a disconnect.

    Attributes:
        notes: what happened, in order.
        release: lets `/slow` answer.
        has_lifespan: False raises in the lifespan, as the specification allows.
        startup_failure: sent instead of a completed start, if not empty.
    """

    def __init__(self, *, has_lifespan: bool = True, startup_failure: str = "") -> None:
        self.notes: list[str] = []
        self._noted: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.release = asyncio.Event()
        self.has_lifespan = has_lifespan
        self.startup_failure = startup_failure

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Answer."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/echo":
            await self._answer(send, await _read_all(receive))
        elif scope["path"] == "/slow":
            self.note("waiting")
            await self.release.wait()
            await self._answer(send, b"released")
            self.note("answered")
        else:
            await _read_all(receive)
            self.note("listening")
            self.note((await receive())["type"])

    def note(self, text: str) -> None:
        """Note that something happened."""
        self.notes.append(text)
        self._noted[text].set()

    async def noted(self, text: str) -> None:
        """Wait until something has been noted."""
        await asyncio.wait_for(self._noted[text].wait(), _PATIENCE_S)

    async def _live(self, receive: ASGIReceive, send: ASGISend) -> None:
        if not self.has_lifespan:
            raise KeyError("this application knows no lifespan")
        await receive()
        self.note("started")
        if self.startup_failure:
            await send({"type": "lifespan.startup.failed", "message": self.startup_failure})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.note("stopped")
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, send: ASGISend, body: bytes) -> None:
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/octet-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@attrs.define
class Served:
    """A server that runs, and what its application noted.

    Attributes:
        address: host and port.
        listening: the socket that the server was given.
        stop: what stops it.
        task: the server.
        applet: the application.
    """

    address: tuple[str, int]
    listening: socket.socket
    stop: asyncio.Event
    task: asyncio.Task[None]
    applet: Applet

    async def ask(self, request: bytes) -> bytes:
        """Send a request and return everything until the server closes the connection."""
        reader, writer = await asyncio.open_connection(*self.address)
        with contextlib.closing(writer):
            writer.write(request)
            return await asyncio.wait_for(reader.read(), _PATIENCE_S)

    async def ended(self) -> None:
        """Wait until the server has returned."""
        await asyncio.wait_for(asyncio.shield(self.task), _PATIENCE_S)


class HttpServerTests:
    """Subclass it as `TestX` and say which server is tested, as a staticmethod.

    Example::

        class TestMyServer(HttpServerTests):
            http_server = staticmethod(my_package.server.serve)

    Attributes:
        http_server: the coroutine function under test.
    """

    http_server: HttpServer

    def test_a_request_is_answered(self) -> None:
        async def scenario(served: Served) -> None:
            answer = await served.ask(
                b"POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"
            )
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b"\r\n\r\nhello")

        self._run(Applet, scenario)

    def test_a_large_body_comes_back_whole(self) -> None:
        body = bytes(range(256)) * 8192

        async def scenario(served: Served) -> None:
            head = b"POST /echo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            answer = await served.ask(head % len(body) + body)
            assert answer.partition(b"\r\n\r\n")[2] == body

        self._run(Applet, scenario)

    def test_one_connection_takes_several_requests(self) -> None:
        async def scenario(served: Served) -> None:
            request = b"POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n%s\r\n%s"
            reader, writer = await asyncio.open_connection(*served.address)
            with contextlib.closing(writer):
                writer.write(request % (b"", b"1"))
                assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n1"), _PATIENCE_S)).startswith(b"HTTP/1.1 200")
                writer.write(request % (b"connection: close\r\n", b"2"))
                assert (await asyncio.wait_for(reader.read(), _PATIENCE_S)).endswith(b"\r\n\r\n2")

        self._run(Applet, scenario)

    def test_ready_is_called_once_after_the_application_started(self) -> None:
        async def scenario(served: Served) -> None:
            assert served.applet.notes == ["started", "ready"]

        self._run(Applet, scenario)

    def test_an_application_without_a_lifespan_is_served(self) -> None:
        async def scenario(served: Served) -> None:
            assert served.applet.notes == ["ready"]
            answer = await served.ask(b"GET /echo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")

        self._run(lambda: Applet(has_lifespan=False), scenario)

    def test_an_application_that_does_not_start_is_an_error_that_says_why(self) -> None:
        async def start() -> None:
            async with self._serve(Applet(startup_failure="the model is gone"), ServerSettings()):
                pytest.fail("it was served")

        with pytest.raises(JubakoError, match="the model is gone"):
            asyncio.run(start())

    def test_a_stop_lets_a_request_in_flight_be_answered(self) -> None:
        async def scenario(served: Served) -> None:
            asking = asyncio.create_task(served.ask(_GET))
            await served.applet.noted("waiting")
            served.stop.set()
            served.applet.release.set()
            answer = await asking
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b"released")
            await served.ended()
            assert served.applet.notes[-2:] == ["answered", "stopped"]

        self._run(Applet, scenario)

    def test_a_stop_waits_for_no_idle_connection(self) -> None:
        async def scenario(served: Served) -> None:
            silent = await asyncio.open_connection(*served.address)
            begun = await asyncio.open_connection(*served.address)
            begun[1].write(b"GET /ec")
            used = await asyncio.open_connection(*served.address)
            used[1].write(b"GET /echo HTTP/1.1\r\nhost: localhost\r\n\r\n")
            await asyncio.wait_for(used[0].readuntil(b"\r\n\r\n"), _PATIENCE_S)
            served.stop.set()
            await served.ended()
            for _, writer in (silent, begun, used):
                writer.close()

        self._run(
            Applet,
            scenario,
            ServerSettings(drain_s=_NEVER_S, header_timeout_s=_NEVER_S, keep_alive_s=_NEVER_S),
        )

    def test_a_stop_ends_a_request_that_outlives_the_drain(self) -> None:
        async def scenario(served: Served) -> None:
            asking = asyncio.create_task(served.ask(_GET))
            await served.applet.noted("waiting")
            served.stop.set()
            answer = await asking
            await served.ended()
            # It is told, or cut: never answered as if all were well.
            assert answer == b"" or answer.startswith(b"HTTP/1.1 503")
            assert "answered" not in served.applet.notes

        self._run(Applet, scenario, ServerSettings(drain_s=0.3))

    def test_the_sockets_stay_open_for_their_owner(self) -> None:
        async def scenario(served: Served) -> None:
            served.stop.set()
            await served.ended()
            assert served.listening.fileno() >= 0
            assert served.listening.getsockname() == served.address

        self._run(Applet, scenario)

    def test_an_application_hears_that_its_client_has_left(self) -> None:
        async def scenario(served: Served) -> None:
            _, writer = await asyncio.open_connection(*served.address)
            writer.write(b"GET /listen HTTP/1.1\r\nhost: localhost\r\n\r\n")
            await served.applet.noted("listening")
            writer.transport.abort()
            await served.applet.noted("http.disconnect")

        self._run(Applet, scenario)

    def test_no_signal_is_touched(self) -> None:
        async def scenario(served: Served) -> None:
            assert {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} == handlers

        handlers: dict[signal.Signals, Any] = {}

        def make() -> Applet:
            handlers.update({number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)})
            return Applet()

        self._run(make, scenario)

    def _run(
        self,
        make_app: Callable[[], Applet],
        scenario: Callable[[Served], Coroutine[Any, Any, None]],
        settings: ServerSettings | None = None,
    ) -> None:
        async def run() -> None:
            async with self._serve(make_app(), settings or ServerSettings(drain_s=_PATIENCE_S)) as served:
                await scenario(served)

        asyncio.run(run())

    @contextlib.asynccontextmanager
    async def _serve(self, applet: Applet, settings: ServerSettings) -> AsyncIterator[Served]:
        app: ASGIApp = applet
        stop, is_ready = asyncio.Event(), asyncio.Event()

        def ready() -> None:
            applet.note("ready")
            is_ready.set()

        with socket.create_server(("127.0.0.1", 0)) as listening:
            task = asyncio.create_task(self._start(app, listening, settings, ready, stop))
            waiting = asyncio.create_task(is_ready.wait())
            await asyncio.wait((task, waiting), timeout=_PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if task.done():
                await task
            assert is_ready.is_set(), "the server did not call ready()"
            try:
                yield Served(listening.getsockname(), listening, stop, task, applet)
            finally:
                stop.set()
                applet.release.set()
                await asyncio.wait_for(task, _PATIENCE_S)

    async def _start(self, app: ASGIApp, *arguments: Any) -> None:
        listening, settings, ready, stop = arguments
        await self.http_server(app, [listening], settings, ready, stop)


async def _read_all(receive: ASGIReceive) -> bytes:
    pieces: list[bytes] = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)
