"""What runs when an application starts and stops, in which order, and what becomes of errors."""

from __future__ import annotations

import asyncio
import functools
import threading

import httpx
import pytest

from jubako.errors import InternalServerError
from jubako.io import JSON
from jubako.runners import SimpleRunner
from jubako.server import make_application
from jubako.server.lifespan import Lifespan
from jubako.services import Service
from jubako.workspace import current_workspace


class Echo(SimpleRunner):
    notes: list[str]

    def _setup(self) -> None:
        self.notes.append("runner set up")

    def _run(self, value):
        return value

    def _shutdown(self) -> None:
        self.notes.append("runner shut down")


class App:
    """An ASGI application with a lifespan; answers with what its lifespan has left."""

    def __init__(self, name: str, notes: list[str], *, failure: str = "", stop_failure: str = "") -> None:
        self.name, self.notes, self.failure, self.stop_failure = name, notes, failure, stop_failure

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            if self.failure:
                await send({"type": "lifespan.startup.failed", "message": f"Traceback\n  ...\nOSError: {self.failure}"})
                raise OSError(self.failure)
            scope["state"]["pool"] = f"pool of {self.name}"
            self.notes.append(f"{self.name} started")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.notes.append(f"{self.name} stopped")
            if self.stop_failure:
                raise OSError(self.stop_failure)
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["state"]["pool"].encode()})
        scope["state"]["pool"] = "of one request only"


class NotedService(Service):
    """The reference's hooks, overridden."""

    notes: list[str]

    def on_asgi_app_startup(self):
        self.notes.append("asgi_app_startup")

    async def on_asgi_app_shutdown(self):
        self.notes.append("asgi_app_shutdown")


def noted_service(notes: list[str]) -> Service:
    runner = Echo()
    runner.notes = notes
    svc = NotedService("noted", runners=[runner])
    svc.notes = notes

    @svc.api(input=JSON(), output=JSON())
    async def echo(value):
        return value

    @svc.on_startup
    def in_a_thread():
        assert threading.current_thread() is not threading.main_thread()
        notes.append(f"first start {runner.run(1)}")

    @svc.on_startup
    async def on_the_loop():
        assert threading.current_thread() is threading.main_thread()
        notes.append(f"second start {await runner.async_run(2)}")

    @svc.on_shutdown
    async def first():
        notes.append(f"first stop {await runner.async_run(1)}")

    @svc.on_shutdown
    def second():
        notes.append(f"second stop {runner.run(2)}")

    svc.mount_asgi_app(App("a", notes), "/a")
    svc.mount_asgi_app(App("b", notes), "/b")
    return svc


async def test_runners_start_first_then_functions_then_mounts_and_all_stop_in_the_reverse_order(make_workspace):
    notes: list[str] = []
    application = make_application(noted_service(notes), workspace=make_workspace())
    await application.start()
    await application.start()
    notes.append("started")
    await application.stop()
    await application.stop()
    assert notes == [
        "runner set up",
        "asgi_app_startup",
        "first start 1",
        "second start 2",
        "a started",
        "b started",
        "started",
        "b stopped",
        "a stopped",
        "second stop 2",
        "first stop 1",
        "asgi_app_shutdown",
        "runner shut down",
    ]


async def test_the_decorators_return_the_functions_and_take_partials(make_workspace):
    svc, notes = Service("plain"), []

    async def note(text):
        notes.append(text)

    started = functools.partial(note, "started")
    assert svc.on_startup(started) is started
    assert svc.on_shutdown(note_stop := lambda: note("stopped")) is note_stop
    application = make_application(svc, workspace=make_workspace())
    await application.start()
    await application.stop()
    assert notes == ["started", "stopped"]


async def test_a_lifespans_state_reaches_requests_of_its_mount_alone(make_workspace):
    application = make_application(noted_service([]), workspace=make_workspace())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost") as client:
        for path in ("/a", "/b/x", "/a"):
            assert (await client.get(path)).text == f"pool of {path[1]}"
    await application.stop()


async def test_functions_see_the_workspace_of_their_application(make_workspace):
    svc, workspace, seen = Service("where"), make_workspace(), []
    svc.on_startup(lambda: seen.append(current_workspace()))

    @svc.on_startup
    async def on_the_loop():
        seen.append(current_workspace())

    application = make_application(svc, workspace=workspace)
    await application.start()
    await application.stop()
    assert [one is workspace for one in seen] == [True, True]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("error", [ValueError("no such table"), asyncio.CancelledError("no such table")])
async def test_a_function_that_fails_keeps_the_application_from_starting(make_workspace, caplog, is_async, error):
    notes: list[str] = []
    svc = noted_service(notes)

    def connect():
        raise error

    async def connect_async():
        raise error

    svc.on_startup(connect_async if is_async else connect)
    with pytest.raises(InternalServerError) as caught:
        await make_application(svc, workspace=make_workspace()).start()
    assert "the on_startup function " in caught.value.message
    assert "connect" in caught.value.message
    assert "of service 'noted' failed." in caught.value.message
    assert "no such table" in caplog.text
    # No mount was started, no function of the stop was called, and the runner was shut down again.
    assert notes[-1] == "runner shut down"
    assert not [note for note in notes if "stop" in note or "started" in note]


async def test_a_mount_that_fails_keeps_it_too_and_those_before_it_are_stopped(make_workspace):
    notes: list[str] = []
    svc = noted_service(notes)
    svc.mount_asgi_app(App("c", notes, failure="the database is gone"), "/c")
    with pytest.raises(InternalServerError) as caught:
        await make_application(svc, workspace=make_workspace()).start()
    assert str(caught.value) == (
        "the application mounted at '/c' by service 'noted' did not start.\nOSError: the database is gone"
    )
    assert notes[-3:] == ["b stopped", "a stopped", "runner shut down"]


async def test_what_fails_at_the_stop_is_recorded_and_the_rest_is_stopped(make_workspace, caplog):
    notes: list[str] = []
    svc = noted_service(notes)
    svc.mount_asgi_app(App("c", notes, stop_failure="too late"), "/c")

    @svc.on_shutdown
    def flush():
        raise ValueError("the disk is full")

    application = make_application(svc, workspace=make_workspace())
    await application.start()
    await application.stop()
    assert "the application mounted at '/c' by service 'noted' did not stop cleanly: OSError: too late" in caplog.text
    assert "flush of service 'noted' failed" in caplog.text
    assert "the disk is full" in caplog.text
    assert notes[-6:] == [
        "b stopped",
        "a stopped",
        "second stop 2",
        "first stop 1",
        "asgi_app_shutdown",
        "runner shut down",
    ]


async def test_a_start_that_fails_is_told_to_the_http_server(make_workspace, serve_app):
    svc = Service("broken")
    svc.on_startup(lambda: 1 / 0)
    with pytest.raises(InternalServerError, match="ZeroDivisionError: division by zero"):
        await serve_app(make_application(svc, workspace=make_workspace()))


async def test_an_application_without_a_lifespan_is_mounted_without(make_workspace):
    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise TypeError("this application knows HTTP only")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    svc = Service("plain")
    svc.mount_asgi_app(app, "/app")
    application = make_application(svc, workspace=make_workspace())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost") as client:
        assert (await client.get("/app")).status_code == 204
    await application.stop()


async def test_a_lifespan_that_is_cancelled_while_it_starts_leaves_no_task():
    begun = asyncio.Event()

    async def app(scope, receive, send):
        begun.set()
        await asyncio.Event().wait()

    lifespan = Lifespan(app)
    starting = asyncio.create_task(lifespan.start(asyncio.Event()))
    await begun.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await lifespan.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}
