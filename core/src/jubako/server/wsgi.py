"""`WsgiAdapter`: a WSGI application as an ASGI one, in the pool of threads of sync APIs (docs/decisions/0012).

The protocol is `wsgiref`'s, of the standard library; only where the bytes come from and go to is our own.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Coroutine
from typing import Any
from wsgiref.handlers import BaseHandler
from wsgiref.headers import Headers

from jubako.contracts.http_server import ASGIReceive, ASGISend
from jubako.runners import call_deadline
from jubako.server.bodies import read_body
from jubako.server.exchange import SCOPE_KEY, Exchange
from jubako.server.inference import Workplace
from jubako.services.mounting import WsgiApp

# A name with an underscore would pass for one with a hyphen, which a proxy may have checked; `Proxy` would become
# HTTP_PROXY, which HTTP clients take for their configuration (CVE-2016-5385).
_DROPPED = frozenset({b"proxy", b"transfer-encoding", b"content-length", b"content-type"})


class WsgiAdapter:
    """Calls a WSGI application in a thread, with the request's whole body; what it yields is sent as it comes.

    Runners can be called by `runner.run`, with the request's deadline. A thread whose client has left, or whose time is
    over, is stopped where it sends next.

    Args:
        wsgi: the application.
        workplace: where it runs, and its limits; `Bounds` must stand outside.
    """

    def __init__(self, wsgi: WsgiApp, workplace: Workplace) -> None:
        self._app = wsgi.app
        self._workplace = workplace

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Answer one HTTP request; WebSockets are refused, and a lifespan there is none."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close"})
            return
        body = await read_body(receive)
        if body is None:
            return
        exchange: Exchange = scope[SCOPE_KEY]
        deadline_s = exchange.started_s + self._workplace.settings.timeout_s
        call_deadline.set(deadline_s)
        handler = _Handler(_environ(scope, body), body, send)
        watch = self._workplace.watch
        watched = watch.add(float("inf"), exchange.started_s)
        watched.watch_client(receive, float("inf"))
        try:
            await self._workplace.threads.run(handler.run, self._app)
            await send({"type": "http.response.body", "body": b""})
        except asyncio.CancelledError:
            if watched.verdict != "left":
                raise
        finally:
            handler.is_over = True
            watch.remove(watched)


def _environ(scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    server = scope.get("server") or ("localhost", None)
    root: str = scope.get("root_path", "")
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        # PEP 3333: bytes, each as one character.
        "SCRIPT_NAME": root.encode("utf-8", "surrogatepass").decode("latin-1"),
        "PATH_INFO": scope["path"][len(root) :].encode("utf-8", "surrogatepass").decode("latin-1"),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1] or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "CONTENT_TYPE": next((value for name, value in headers if name == b"content-type"), b"").decode("latin-1"),
        # Counted: it may have come in chunks.
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input_terminated": True,
    }
    for name, value in headers:
        if name in _DROPPED or b"_" in name:
            continue
        key = f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
        text = value.decode("latin-1")
        joint = "; " if name == b"cookie" else ","
        environ[key] = f"{environ[key]}{joint}{text}" if key in environ else text
    return environ


class _Handler(BaseHandler):
    """One request of a WSGI application, run in a thread."""

    # Nothing of this process's environment is the application's.
    os_environ: dict[str, str] = {}  # noqa: RUF012 - the base class's
    # Nothing is written of status line, date and server: that is the HTTP server's.
    origin_server = False
    wsgi_run_once = False

    # Of the base class, which leaves them to be found out.
    environ: dict[str, Any]
    status: str
    headers: Headers
    result: Any

    def __init__(self, environ: dict[str, Any], body: bytes, send: ASGISend) -> None:
        self._cgi_variables = environ
        self._body = body
        self._asgi_send = send
        self._loop = asyncio.get_running_loop()
        self._start: dict[str, Any] | None = None
        self.is_over = False

    def get_stdin(self) -> io.BytesIO:
        return io.BytesIO(self._body)

    def get_stderr(self) -> Any:
        return sys.stderr

    def get_scheme(self) -> str:
        return str(self._cgi_variables["wsgi.url_scheme"])

    def add_cgi_vars(self) -> None:
        self.environ.update(self._cgi_variables)

    def send_headers(self) -> None:
        self.cleanup_headers()
        self.headers_sent = True
        status = int(self.status.split(" ", 1)[0])
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        # Goes with the first piece of the body: a turn to the loop and back for each costs 50 µs and more.
        self._start = {"type": "http.response.start", "status": status, "headers": headers}

    def finish_content(self) -> None:
        super().finish_content()
        if self._start is not None:
            self._write(b"")

    def _write(self, data: bytes) -> None:
        if self.is_over:
            # What wsgiref takes for the end of the client, and closes the application's iterable.
            raise BrokenPipeError
        start, self._start = self._start, None
        if start is not None or data:
            self._wait_for(self._send(start, data))

    def _flush(self) -> None:
        """Nothing is held back."""

    def handle_error(self) -> None:
        """Raise it where the request is answered."""
        error = sys.exception()
        self.result = None  # closed already, if there was one
        if error is not None:
            raise error

    async def _send(self, start: dict[str, Any] | None, data: bytes) -> None:
        if start is not None:
            await self._asgi_send(start)
        if data:
            await self._asgi_send({"type": "http.response.body", "body": data, "more_body": True})

    def _wait_for(self, sending: Coroutine[Any, Any, None]) -> None:
        # The thread waits for a client that reads slowly, and so makes no more than that client takes.
        asyncio.run_coroutine_threadsafe(sending, self._loop).result()
