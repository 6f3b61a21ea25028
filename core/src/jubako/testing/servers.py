"""`serving`: a service behind a real HTTP server for the length of a block, for users' own tests."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import httpx

from jubako.contracts.http_server import HttpServer
from jubako.contracts.offers import HttpServerType
from jubako.errors import CommandError, InvalidArgument, JubakoError
from jubako.server import Application, make_application
from jubako.services import Service
from jubako.services.bento import Bento
from jubako.serving.listening import address_of, open_listening_socket
from jubako.settings import load_settings
from jubako.values.tag import Tag
from jubako.workspace import Workspace, current_workspace, open_workspace, using_workspace

_HOST = "127.0.0.1"
_START_S = 120.0
# Beyond the drain, which ends by itself.
_OVERTIME_S = 15.0
_ANSWER_S = 60.0
_SERVED = re.compile(r"^Serving \S+ at (https?://\S+) \(Ctrl-C stops\)$")
_LOG_LINES = 200


class ServedClient(httpx.Client):
    """A client of one served service; `base_url` is its address.

    Attributes:
        log: what the server has written so far, the last 200 lines; empty for a `Service` object, whose log is this
            process's own.
    """

    _lines: list[str]

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return "".join(self._lines[-_LOG_LINES:])


@contextlib.contextmanager
def serving(
    target: Service | Bento | Tag | str | os.PathLike[str],
    *,
    backend: str | None = None,
    settings: Mapping[str, Any] | None = None,
    working_dir: str | os.PathLike[str] | None = None,
    **client_options: Any,
) -> Iterator[ServedClient]:
    """Serve a service on a free port of 127.0.0.1 until the block ends, and yield an `httpx.Client` for it.

    An import string, path, tag or Bento goes through the real supervisor, in processes of its own: exactly what `jubako
    serve` does. A `Service` object is served in a thread of this process, by the same application and HTTP server, with
    the inline backend, so that a test can look into what it has made. Whatever the block raises, all is stopped before
    it goes on, and the server's log is added to the error as a note.

    Example::

        with jubako.testing.serving("service.py:svc") as client:
            assert client.post("/classify", json=[[5.1, 3.5, 1.4, 0.2]]).json() == [0]

    Args:
        target: what to serve; text as `jubako serve` takes it.
        backend: where runners run; for a `Service` object `inline` alone.
        settings: by dotted key, such as `{"server.timeout_s": 1}`; laid over JUBAKO_CONFIG and the environment. With
            processes they have to be JSON-like.
        working_dir: what a relative target starts from; the current directory if None, of a `Path` to a source file the
            folder that it is in.
        client_options: of `httpx.Client`, such as `headers`; a request has 60 s unless `timeout` is given.

    Raises:
        InvalidArgument: a `Service` object cannot be served so.
        JubakoError: the service does not start; the message holds why, or the server's log.
    """
    overrides = {**(settings or {}), "server.host": _HOST, "server.port": 0}
    if backend is not None:
        overrides["runners.backend"] = backend
    lines: list[str] = []
    if isinstance(target, Service):
        if backend not in (None, "inline"):
            raise InvalidArgument(
                f"a Service object cannot be served with the backend {backend!r}.",
                why="Other processes import the service by its name.",
                do="give its import string, such as 'service.py:svc'",
            )
        place: contextlib.AbstractContextManager[str] = _in_thread(target, overrides, has_settings=bool(settings))
    else:
        text, folder = _resolve(target, working_dir)
        place = _in_processes(text, overrides, folder, lines)
    client: ServedClient | None = None
    try:
        with place as address:
            options = {"timeout": _ANSWER_S, "base_url": address, **client_options}
            with ServedClient(**options) as client:
                client._lines = lines
                yield client
    except BaseException as error:
        # When the server has ended, for then its log is whole.
        if client is not None and client.log:
            error.add_note(f"The server's log:\n{client.log}")
        raise


def _resolve(
    target: Bento | Tag | str | os.PathLike[str], working_dir: str | os.PathLike[str] | None
) -> tuple[str, Path]:
    """What `jubako serve` would be told, and where."""
    folder = Path.cwd() if working_dir is None else Path(working_dir)
    if isinstance(target, Bento):
        return str(target.path), folder
    if isinstance(target, Tag):
        return f"bento:{target}", folder
    if isinstance(target, str):
        return target, folder
    path = folder / target
    if working_dir is None and path.is_file():
        return f".{os.sep}{path.name}", path.parent
    # A path is meant, and no tag or module of that name.
    return str(path.absolute()), folder


@contextlib.contextmanager
def _in_processes(text: str, overrides: Mapping[str, Any], working_dir: Path, lines: list[str]) -> Iterator[str]:
    is_main_thread = threading.current_thread() is threading.main_thread()
    order = {"text": text, "working_dir": str(working_dir.expanduser().resolve()), "overrides": dict(overrides)}
    process = subprocess.Popen(
        [sys.executable, "-m", "jubako.testing._server_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # A Ctrl-C is for the tests, which then stop the server.
        start_new_session=True,
    )
    served: concurrent.futures.Future[str] = concurrent.futures.Future()
    reader = threading.Thread(target=_read, args=(process, lines, served), daemon=True)
    reader.start()
    try:
        with contextlib.suppress(BrokenPipeError):
            # The system ends it with its parent, by which it means the thread that started it.
            json.dump({**order, "parent": os.getpid() if is_main_thread else 0}, _stream(process.stdin))
            _stream(process.stdin).close()
        try:
            address = served.result(_START_S)
        except (concurrent.futures.CancelledError, TimeoutError) as error:
            how = "did not start" if isinstance(error, concurrent.futures.CancelledError) else "is not ready in time"
            raise CommandError(f"the server of {text!r} {how}.", why=f"Its log:\n{''.join(lines)}") from None
        yield address
    finally:
        _stop(process)
        reader.join(_OVERTIME_S)
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                _stream(stream).close()


def _stream(stream: Any) -> Any:
    return stream


def _read(process: subprocess.Popen[str], lines: list[str], served: concurrent.futures.Future[str]) -> None:
    for line in _stream(process.stdout):
        lines.append(line)
        del lines[: -10 * _LOG_LINES]
        match = _SERVED.match(line)
        if match and not served.done():
            served.set_result(match[1])
    if not served.done():
        served.cancel()


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        # The client is closed: nothing is in flight, and nothing has to be waited for.
        process.wait(_OVERTIME_S)
    except subprocess.TimeoutExpired:
        # Its processes end with it.
        process.kill()
        process.wait()


@contextlib.contextmanager
def _in_thread(service: Service, overrides: Mapping[str, Any], *, has_settings: bool) -> Iterator[str]:
    workspace = _workspace_of(service, overrides, has_settings=has_settings)
    with (
        using_workspace(workspace),
        contextlib.closing(open_listening_socket(_HOST, 0, workspace.settings.server.backlog)) as listening,
    ):
        offer = workspace.composition.find(HttpServerType, workspace.settings.server.http_server)
        http_server: HttpServer = workspace.composition.resolve(offer, "serve")
        application = make_application(service, workspace=workspace)
        server = _ThreadedServer(application, http_server, listening, workspace)
        server.start()
        try:
            yield address_of(listening, is_secure=workspace.settings.server.ssl.is_enabled)
        finally:
            server.stop()


def _workspace_of(service: Service, overrides: Mapping[str, Any], *, has_settings: bool) -> Workspace:
    workspace = service.workspace or current_workspace()
    if has_settings:
        # Perhaps with other plugins or stores; those of a Bento stay.
        opened = open_workspace(load_settings(None, os.environ, overrides))
        return opened if service.workspace is None else attrs.evolve(opened, model_store=workspace.model_store)
    server = attrs.evolve(workspace.settings.server, host=_HOST, port=0)
    return attrs.evolve(workspace, settings=attrs.evolve(workspace.settings, server=server))


class _ThreadedServer:
    """An event loop in a thread that serves one application."""

    def __init__(self, application: Application, http_server: HttpServer, listening: Any, workspace: Workspace) -> None:
        self._application = application
        self._http_server = http_server
        self._listening = listening
        self._workspace = workspace
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(asyncio.run, self._serve()), name="jubako-serving", daemon=True
        )

    def start(self) -> None:
        """Return when requests are taken.

        Raises:
            JubakoError: the application did not start.
        """
        self._thread.start()
        self._ready.result()

    def stop(self) -> None:
        """Stop in order, and return when the loop is closed."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(self._workspace.settings.server.drain_s + _OVERTIME_S)
        if self._thread.is_alive():
            raise CommandError("the server does not stop.", why="A function of the service does not return.")

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        settings = self._workspace.settings.server
        try:
            await self._http_server(
                self._application, [self._listening], settings, lambda: self._ready.set_result(None), self._stop
            )
        except JubakoError as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise
