"""ASGI middleware: where it stands, what it is round, and what it may change."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from flask import Flask
from quart import Quart, websocket

from jubako.errors import InternalServerError, PluginError
from jubako.io import JSON
from jubako.server import make_application
from jubako.server.api_keys import OPEN_PATHS
from jubako.server.endpoints import PATHS
from jubako.server.routes import InferenceRoutes
from jubako.services import Service
from jubako.settings import CorsSettings, LoggingSettings, PluginSettings, ServerSettings, Settings, StoreSettings
from jubako.workspace import open_workspace


class Gate:
    """Answers 401, as middleware does that knows HTTP only: to WebSockets too."""

    def __init__(self, app, *, is_open=False):
        self.app = app
        self.is_open = is_open

    async def __call__(self, scope, receive, send):
        if self.is_open:
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"closed"})


class Closing:
    """Lets HTTP pass, and closes WebSockets before they are accepted."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await self.app(scope, receive, send)


class Note:
    """Writes down what passes."""

    def __init__(self, app, name, notes):
        self.app, self.name, self.notes = app, name, notes

    async def __call__(self, scope, receive, send):
        self.notes.append((self.name, scope["type"]))
        await self.app(scope, receive, send)


def service_of_everything() -> Service:
    """APIs of every kind, and mounts of both."""
    svc = Service("everything")

    @svc.api(input=JSON(), output=JSON())
    async def echo(value):
        return value

    @svc.api(input=JSON(), output=JSON())
    def threaded(value):
        return value

    @svc.api(input=JSON(), output=JSON())
    async def stream(value):
        for number in range(3):
            yield number

    flask, quart = Flask("wsgi"), Quart("asgi")
    flask.get("/")(lambda: "wsgi")

    @quart.get("/page")
    async def page():
        return "asgi"

    @quart.websocket("/talk")
    async def talk():
        await websocket.accept()
        await websocket.send("hello")

    svc.mount_wsgi_app(flask, "/wsgi")
    svc.mount_asgi_app(quart, "/asgi")
    return svc


WALK = sorted(
    {*PATHS, *OPEN_PATHS, "/echo", "/threaded", "/stream", "/wsgi", "/wsgi/", "/asgi/page", "/tools", "/nowhere"}
)
METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH")
WEBSOCKETS = ("/asgi/talk", "/asgi", "/wsgi", "/echo", "/", "/readyz", "/nowhere")

PLUGIN = """
import jubako
from jubako.contracts.extensions import Middleware, Route, RouteResponse


class Gate:
    def __init__(self, app, status):
        self.app = app
        self.status = status

    async def __call__(self, scope, receive, send):
        if self.status == 200:
            await self.app(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": self.status, "headers": []})
            await send({"type": "http.response.body", "body": b"closed"})


async def tools(request):
    return RouteResponse(b"[]")


@jubako.hookimpl
def jubako_extend_application(service):
    yield Route(name="tools", path="/tools", endpoint=tools)
    yield Middleware(name="gate", factory=Gate, options={"status": %d})
"""


async def walk(site, open_websocket) -> dict[str, set[int]]:
    """The status of every path by every method, and of WebSockets."""
    found: dict[str, set[int]] = {}
    for path in WALK:
        answers = await asyncio.gather(*(site.ask(path, b"[]", method=method) for method in METHODS))
        found[path] = {answer.status for answer in answers}
    for path in WEBSOCKETS:
        found[f"ws {path}"] = {(await open_websocket(site.port, path)).status}
    return found


async def test_middleware_that_answers_401_stops_everything(serve_service, open_websocket):
    svc = service_of_everything()
    svc.add_asgi_middleware(Gate)
    site = await serve_service(svc)
    found = await walk(site, open_websocket)
    assert found == {path: {401} for path in found}


def plugin_workspace(tmp_path, **server):
    settings = Settings(
        server=ServerSettings(**server), plugins=PluginSettings(), stores=StoreSettings(home=tmp_path / "home")
    )
    return open_workspace(settings)


async def test_a_plugins_middleware_that_answers_401_stops_everything(serve_app, open_websocket, site, tmp_path):
    site.install_plugin("gate", PLUGIN % 401)
    application = make_application(service_of_everything(), workspace=plugin_workspace(tmp_path))
    found = await walk(await serve_app(application), open_websocket)
    assert found == {path: {401} for path in found}


async def test_the_walk_reaches_what_is_there_when_nothing_is_closed(serve_app, open_websocket, site, tmp_path):
    site.install_plugin("gate", PLUGIN % 200)
    svc = service_of_everything()
    svc.add_asgi_middleware(Gate, is_open=True)
    found = await walk(await serve_app(make_application(svc, workspace=plugin_workspace(tmp_path))), open_websocket)
    closed = {path for path, statuses in found.items() if not statuses & {101, 200, 308}}
    assert closed == {"/nowhere", *(f"ws {path}" for path in WEBSOCKETS if path != "/asgi/talk")}


async def test_middleware_can_close_websockets_alone(serve_service, open_websocket):
    svc = service_of_everything()
    svc.add_asgi_middleware(Closing)
    site = await serve_service(svc)
    assert (await open_websocket(site.port, "/asgi/talk")).status == 403
    assert (await site.ask("/asgi/page")).body == b"asgi"


async def test_the_first_middleware_is_outermost_and_no_lifespan_passes(make_workspace):
    svc, notes = service_of_everything(), []
    for name in ("outer", "inner"):
        svc.add_asgi_middleware(Note, name=name, notes=notes)
    application = make_application(svc, workspace=make_workspace())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost") as client:
        assert (await client.post("/echo", json=1)).json() == 1
    await application.stop()
    assert notes == [("outer", "http"), ("inner", "http")]


async def test_plugins_middleware_stands_outside_by_order_and_then_by_name(site, tmp_path):
    text = """
import jubako
from jubako.contracts.extensions import Middleware


class Note:
    def __init__(self, app, name):
        self.app, self.name = app, name

    async def __call__(self, scope, receive, send):
        scope["notes"].append(self.name)
        await self.app(scope, receive, send)


@jubako.hookimpl
def jubako_extend_application(service):
    yield Middleware(name="late", factory=Note, options={"name": __name__ + " 5"}, order=5)
    yield Middleware(name="usual", factory=Note, options={"name": __name__})
"""
    for name in ("b_second", "a_first"):
        site.install_plugin(name, text)
    notes: list[object] = []

    class Own(Note):
        async def __call__(self, scope, receive, send):
            assert scope["notes"] == ["jubako_a_first", "jubako_b_second", "jubako_a_first 5", "jubako_b_second 5"]
            await super().__call__(scope, receive, send)

    svc = service_of_everything()
    svc.add_asgi_middleware(Own, name="own", notes=notes)
    application = make_application(svc, workspace=plugin_workspace(tmp_path))

    async def with_notes(scope, receive, send):
        await application({**scope, "notes": []}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(with_notes), base_url="http://localhost") as client:
        assert (await client.post("/echo", json=1)).json() == 1
    await application.stop()
    assert notes == [("own", "http")]


async def test_what_middleware_rejects_is_logged_counted_and_given_its_cors_headers(serve_service, capsys):
    svc = service_of_everything()
    svc.add_asgi_middleware(Gate)
    cors = CorsSettings(enabled=True, access_control_allow_origin=("https://a.example",))
    site = await serve_service(svc, logging=LoggingSettings(format="text"), cors=cors)
    answer = await site.ask("/echo", b"[]", headers={"origin": "https://a.example"})
    assert answer.status == 401
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["x-request-id"]
    metrics = site.application.registries[0].get_sample_value(
        "jubako_request_total", {"service": "everything", "api": "echo", "code": "401"}
    )
    assert metrics == 1
    site.stop.set()
    await site.ended()
    assert " POST /echo 401 " in capsys.readouterr().err


async def test_limits_and_keys_stand_outside_middleware(serve_service):
    svc, notes = service_of_everything(), []
    svc.add_asgi_middleware(Note, name="note", notes=notes)
    site = await serve_service(svc, api_keys=("key",))
    assert (await site.ask("/echo", b"[]", headers={"host": "evil.test"})).status == 421
    assert (await site.ask("/echo", b"[]")).status == 401
    assert notes == []
    assert (await site.ask("/echo", b"[]", headers={"x-api-key": "key"})).status == 200
    assert notes == [("note", "http")]


class Rewrite:
    """Sends every request somewhere else, as one that knows what proxies did."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
        scope = {**scope, "path": "/echo", "method": "POST", "headers": [*headers, (b"content-type", b"text/plain")]}
        await self.app(scope, receive, send)


async def test_middleware_can_change_path_method_and_headers(make_workspace):
    svc = service_of_everything()
    svc.add_asgi_middleware(Rewrite)
    application = make_application(svc, workspace=make_workspace())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost") as client:
        answer = await client.put("/elsewhere", json=1)
        # The API was reached, and saw the other content type.
        assert answer.status_code == 415
        assert "text/plain" in answer.json()["detail"]
    await application.stop()


class Raising:
    """Fails while it answers, or while its answer is on its way."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["path"] == "/threaded":
            await self.app(scope, receive, send)
        raise ValueError("a secret of the middleware")


async def test_middleware_that_raises_is_a_500_that_tells_nothing(serve_service, caplog):
    svc = service_of_everything()
    svc.add_asgi_middleware(Raising)
    site = await serve_service(svc)
    answer = await site.ask("/echo", b"[]")
    assert answer.status == 500
    assert answer.json["type"] == "urn:jubako:problem:internal-server-error"
    assert b"secret" not in answer.body
    assert (await site.ask("/threaded", b"[]")).status == 200
    assert caplog.text.count("a secret of the middleware") >= 2


def refusing(app, **options):
    raise RuntimeError("no configuration")


async def test_middleware_that_cannot_be_made_keeps_the_application_from_starting(make_workspace):
    svc = service_of_everything()
    svc.add_asgi_middleware(refusing)
    with pytest.raises(InternalServerError) as caught:
        await make_application(svc, workspace=make_workspace()).start()
    assert str(caught.value) == (
        "the middleware refusing of service 'everything' cannot be made.\nRuntimeError: no configuration\n"
        "Do: correct what add_asgi_middleware was given"
    )


async def test_a_plugins_middleware_that_cannot_be_made_does_too_and_names_the_plugin(site, tmp_path):
    text = "raise RuntimeError('no configuration')"
    site.install_plugin("gate", (PLUGIN % 401).replace("self.app = app\n", f"{text}\n", 1))
    with pytest.raises(PluginError) as caught:
        await make_application(service_of_everything(), workspace=plugin_workspace(tmp_path)).start()
    assert str(caught.value) == (
        "the middleware 'gate' of gate (jubako-gate 1.0) cannot be made.\nRuntimeError: no configuration\n"
        "Do: report it to the authors of jubako-gate, or disable it: JUBAKO_DISABLE_PLUGINS=gate"
    )


async def test_where_there_is_no_middleware_nothing_is_wrapped(make_workspace):

    application = make_application(service_of_everything(), workspace=make_workspace())
    await application.start()
    assert isinstance(application._entrance._app, InferenceRoutes)
    await application.stop()
