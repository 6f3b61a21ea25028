"""What plugins add to an application, with real plugins in temporary distributions."""

from __future__ import annotations

import importlib

import httpx
import pytest

from jubako.errors import PluginError
from jubako.io import JSON
from jubako.runners import SimpleRunner
from jubako.server import make_application
from jubako.services import Service
from jubako.settings import AccessLogSettings, LoggingSettings, PluginSettings, ServerSettings, Settings, StoreSettings
from jubako.workspace import open_workspace

HEAD = """
import asyncio
import jubako
from jubako.contracts.extensions import Middleware, Observer, Route, RouteResponse
from jubako.exceptions import BadInput

heard = []
"""


class Echo(SimpleRunner):
    def _setup(self) -> None:
        pass

    def _run(self, value):
        return value


@pytest.fixture
def workspace_of(tmp_path):
    """A workspace of everything that is installed."""

    def make(**plugins):
        settings = Settings(
            server=ServerSettings(
                max_body_bytes=50, timeout_s=5, logging=LoggingSettings(access=AccessLogSettings(enabled=False))
            ),
            plugins=PluginSettings(**plugins),
            stores=StoreSettings(home=tmp_path / "home"),
        )
        return open_workspace(settings)

    return make


def echo_service() -> Service:
    runner = Echo(name="echoing")
    svc = Service("echo", runners=[runner])

    @svc.api(input=JSON(), output=JSON(), route="items/{item}")
    async def take(value, item: str):
        return [item, value]

    @svc.api(input=JSON(), output=JSON())
    async def echo(value):
        return await runner.async_run(value)

    return svc


def client_of(application) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost")


ROUTES = """
async def on_the_loop(request):
    asyncio.get_running_loop()
    return RouteResponse(f"{request.method} {request.path} {request.query} {request.id}".encode(), 202, "text/x",
                         {"x-body": str(len(request.body)), "x-asked": request.headers["x-ask"]})


def in_a_thread(request):
    if request.query == "bad":
        raise BadInput("the query is bad", field="q")
    if request.query == "bug":
        raise ValueError("a secret")
    return RouteResponse(b"[]") if not request.query else "no response"


@jubako.hookimpl
def jubako_extend_application(service):
    yield Route(name="loop", path="tools/loop", endpoint=on_the_loop, methods=("GET", "POST"))
    yield Route(name="thread", path=f"/tools/{service.name}", endpoint=in_a_thread)
"""


async def test_routes_of_plugins_answer_beside_the_services_own(site, workspace_of, caplog):
    site.install_plugin("tools", HEAD + ROUTES)
    application = make_application(echo_service(), workspace=workspace_of())
    async with client_of(application) as client:
        answer = await client.post(
            "/tools/loop?a=%20b", content=b"12345", headers={"x-ask": "me", "x-request-id": "r-1"}
        )
        assert (answer.status_code, answer.text) == (202, "POST /tools/loop a=%20b r-1")
        assert [answer.headers[name] for name in ("content-type", "x-body", "x-asked", "x-request-id")] == [
            "text/x",
            "5",
            "me",
            "r-1",
        ]
        assert (await client.get("/tools/echo")).json() == []
        refused = await client.post("/tools/echo")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
        assert (await client.get("/tools/echo?bad")).json()["field"] == "q"
        assert (await client.post("/tools/loop", content=b"1" * 51)).status_code == 413
        for query in ("bug", "nothing"):
            failed = await client.get(f"/tools/echo?{query}")
            assert failed.status_code == 500
            assert "secret" not in failed.text
        assert "route /tools/echo of tools (jubako-tools 1.0) failed on GET /tools/echo" in caplog.text
        assert (await client.post("/echo", json=1)).json() == 1
        metrics = (await client.get("/metrics")).text
    assert 'jubako_request_total{api="loop",code="202",service="echo"} 1.0' in metrics
    await application.stop()


HEADERS = """
ANSWERS = {
    "fine": RouteResponse(headers={"Cache-Control": "no-store"}),
    "length": RouteResponse(b"body", headers={"Content-Length": "1"}),
    "split": RouteResponse(headers={"x-a": "1\\r\\nx-b: 2"}),
    "type": RouteResponse(content_type="text/x\\r\\nx-b: 2"),
}


@jubako.hookimpl
def jubako_extend_application(service):
    yield Route(name="headers", path="/headers", endpoint=lambda request: ANSWERS[request.query])
"""


async def test_headers_that_http_forbids_or_the_server_sets_are_no_routes_to_set(site, workspace_of, caplog):
    site.install_plugin("headers", HEAD + HEADERS)
    application = make_application(echo_service(), workspace=workspace_of())
    async with client_of(application) as client:
        assert (await client.get("/headers?fine")).headers["cache-control"] == "no-store"
        for query in ("length", "split", "type"):
            refused = await client.get(f"/headers?{query}")
            assert refused.status_code == 500
            assert "x-b" not in refused.headers
    assert caplog.text.count("HTTP forbids") >= 3
    await application.stop()


async def test_a_route_that_is_taken_is_left_out_and_reported(site, workspace_of, caplog):
    text = """
@jubako.hookimpl
def jubako_extend_application(service):
    for path in {paths}:
        yield Route(name=path, path=path, endpoint=lambda request: RouteResponse(__name__.encode()))
"""
    site.install_plugin("one", HEAD + text.format(paths=("/echo", "/readyz", "/items/5", "/both", "/one")))
    site.install_plugin("two", HEAD + text.format(paths=("/both", "/two")))
    application = make_application(echo_service(), workspace=workspace_of())
    async with client_of(application) as client:
        assert (await client.post("/echo", json=1)).json() == 1
        assert (await client.get("/readyz")).json()["ready"]
        assert (await client.get("/both")).status_code == 404
        assert [(await client.get(path)).text for path in ("/one", "/two")] == ["jubako_one", "jubako_two"]
    await application.stop()
    assert "the route /echo of one (jubako-one 1.0) is the service's own. Do: take another path" in caplog.text
    assert "the route /items/5 of one (jubako-one 1.0) is the service's own" in caplog.text
    assert "the route /readyz of one (jubako-one 1.0) is the service's own" in caplog.text
    assert "the route /both is claimed by one (jubako-one 1.0) and two (jubako-two 1.0)" in caplog.text


OBSERVER = """
def request_finished(record):
    heard.append((record.method, record.label, record.status, record.sent_bytes, record.duration_s > 0))


def batch_finished(record):
    heard.append((record.runner, record.rows))


@jubako.hookimpl
def jubako_extend_application(service):
    yield Observer(name="both", request_finished=request_finished, batch_finished=batch_finished)
"""


async def test_observers_hear_of_requests_and_batches(site, workspace_of):
    site.install_plugin("watch", HEAD + OBSERVER)
    application = make_application(echo_service(), workspace=workspace_of())
    async with client_of(application) as client:
        await client.post("/echo", json=[1])
        await client.get("/nowhere-that-a-client-chose")
    await application.stop()
    heard = importlib.import_module("jubako_watch").heard
    assert ("echoing", 1) in heard
    assert ("POST", "echo", 200, 3, True) in heard
    assert [entry[:3] for entry in heard if len(entry) > 2] == [("POST", "echo", 200), ("GET", "other", 404)]


async def test_an_observer_that_raises_costs_nothing_and_is_switched_off_after_ten_errors(site, workspace_of, caplog):
    text = """
def request_finished(record):
    heard.append(record)
    if len(heard) != 5:
        raise ValueError("a bug of the observer")


@jubako.hookimpl
def jubako_extend_application(service):
    yield Observer(name="broken", request_finished=request_finished, batch_finished=request_finished)
"""
    site.install_plugin("watch", HEAD + text)
    application = make_application(Service("plain"), workspace=workspace_of())
    async with client_of(application) as client:
        for _ in range(20):
            assert (await client.get("/livez")).status_code == 200
    await application.stop()
    # Four errors, one that went well, ten errors in a row, and no more.
    assert len(importlib.import_module("jubako_watch").heard) == 15
    assert caplog.text.count("the observer 'broken' of watch (jubako-watch 1.0) failed") == 15
    assert "failed 10 times in a row and is switched off" in caplog.text


FAULTS = [
    ("raise ValueError('no configuration')", "raised ValueError: no configuration"),
    ("yield Route(name='x', path='/x', endpoint=print); raise SystemExit(3)", "raised SystemExit: 3"),
    ("yield Route(name='x', path='a b', endpoint=print)", "raised InvalidArgument"),
    ("yield 'text'", "gave str instead of a Route, Middleware or Observer"),
    ("return 5", "returned int"),
]


@pytest.mark.parametrize(("body", "words"), FAULTS)
async def test_a_hook_that_fails_costs_its_plugin_alone_and_is_reported(site, workspace_of, caplog, body, words):
    site.install_plugin("broken", f"{HEAD}\n@jubako.hookimpl\ndef jubako_extend_application(service):\n    {body}\n")
    site.install_plugin("tools", HEAD + ROUTES)
    application = make_application(echo_service(), workspace=workspace_of())
    async with client_of(application) as client:
        assert (await client.get("/x")).status_code == 404
        assert (await client.get("/tools/echo")).status_code == 200
    await application.stop()
    assert f"the hook jubako_extend_application of broken (jubako-broken 1.0) {words}" in caplog.text
    assert "or disable it: JUBAKO_DISABLE_PLUGINS=broken" in caplog.text
    with pytest.raises(PluginError, match="strict loading was asked for"):
        await make_application(echo_service(), workspace=workspace_of(strict=True)).start()


async def test_each_application_is_extended_for_itself(site, workspace_of):
    site.install_plugin("tools", HEAD + ROUTES)
    other = Service("other")
    applications = [make_application(svc, workspace=workspace_of()) for svc in (echo_service(), other)]
    for application, own, elsewhere in zip(applications, ("echo", "other"), ("other", "echo"), strict=True):
        async with client_of(application) as client:
            assert (await client.get(f"/tools/{own}")).status_code == 200
            assert (await client.get(f"/tools/{elsewhere}")).status_code == 404
        await application.stop()


def test_a_hook_need_not_take_the_service(site, workspace_of):
    text = "\n@jubako.hookimpl\ndef jubako_extend_application():\n    yield Observer(name='none')\n"
    site.install_plugin("small", HEAD + text)
    (report,) = [report for report in workspace_of().composition.reports if report.name == "small"]
    assert report.extend_application is not None
    assert [one.name for one in report.extend_application(None)] == ["none"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@jubako.hookimpl\ndef jubako_extend_application(svc):\n    return ()", "takes the argument svc"),
        ("def jubako_extend_application(service):\n    return ()", "is not marked as a hook implementation"),
        ("@jubako.hookimpl\ndef jubako_extend_aplication(service):\n    return ()", "which this version"),
    ],
)
def test_a_hook_that_is_written_wrong_is_incompatible(site, workspace_of, text, words):
    site.install_plugin("wrong", HEAD + text)
    (report,) = [report for report in workspace_of().composition.reports if report.name == "wrong"]
    assert report.status == "incompatible"
    assert words in report.reason
