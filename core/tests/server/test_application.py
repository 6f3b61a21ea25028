"""The application without an HTTP server: how it starts itself, and which layers are there."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from jubako.io import JSON
from jubako.runners import Runner
from jubako.server import make_application
from jubako.services import Service
from jubako.settings import CorsSettings


class Slow(Runner):
    """Counts how often it was set up."""

    setups = 0

    def _setup(self) -> None:
        type(self).setups += 1

    def _run_batch(self, rows):
        return rows


def client_of(application) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost")


def echo_service(**options) -> Service:
    svc = Service("echo", **options)

    @svc.api(input=JSON(), output=JSON())
    async def echo(value):
        return value

    return svc


async def test_an_application_without_a_lifespan_starts_itself_once(make_workspace):
    runner = Slow()
    svc = Service("lazy", runners=[runner])

    @svc.api(input=JSON(), output=JSON())
    async def echo(rows):
        return await runner.async_run_batch(rows)

    Slow.setups = 0
    application = make_application(svc, workspace=make_workspace())
    async with client_of(application) as client:
        answers = await asyncio.gather(*(client.post("/echo", json=[[number]]) for number in range(20)))
    assert [answer.json() for answer in answers] == [[[number]] for number in range(20)]
    assert Slow.setups == 1
    await application.stop()
    await application.stop()


async def test_an_application_serves_below_a_root_path(make_workspace):
    application = make_application(echo_service(), workspace=make_workspace())
    transport = httpx.ASGITransport(application, root_path="/models")
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.post("/models/echo", json=1)).json() == 1
        assert (await client.get("/models/livez")).status_code == 200
    await application.stop()


OPEN = ("/healthz", "/livez", "/readyz")
CLOSED = ("/", "/docs.json", "/metrics", "/echo", "/nowhere")


@pytest.mark.parametrize(
    "header", [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer "}, {"authorization": "key-1"}]
)
async def test_every_route_but_health_asks_for_a_key(make_workspace, header):
    application = make_application(echo_service(), workspace=make_workspace(api_keys=("key-1", "key-2")))
    async with client_of(application) as client:
        for path in CLOSED:
            for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
                answer = await client.request(method, path, headers=header)
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
        for path in OPEN:
            assert (await client.get(path, headers=header)).status_code == 200
    await application.stop()


@pytest.mark.parametrize(
    "header", [{"x-api-key": "key-2"}, {"authorization": "Bearer key-1"}, {"authorization": "bearer key-2"}]
)
async def test_each_key_opens_every_route(make_workspace, header):
    application = make_application(echo_service(), workspace=make_workspace(api_keys=("key-1", "key-2")))
    async with client_of(application) as client:
        assert (await client.post("/echo", json=[1], headers=header)).json() == [1]
        assert (await client.get("/docs.json", headers=header)).status_code == 200
    await application.stop()


CORS = CorsSettings(
    enabled=True,
    access_control_allow_origin=("https://a.example",),
    access_control_allow_credentials=True,
    access_control_allow_methods=("PUT",),
    access_control_allow_headers=("content-type",),
    access_control_max_age=60,
    access_control_expose_headers=("x-request-id",),
)


async def test_an_allowed_origin_may_read_answers_and_refusals(make_workspace):
    application = make_application(echo_service(), workspace=make_workspace(cors=CORS, api_keys=("key",)))
    async with client_of(application) as client:
        for headers, status in (({"x-api-key": "key"}, 200), ({}, 401)):
            answer = await client.post("/echo", json=1, headers={"origin": "https://a.example", **headers})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://a.example"
            assert answer.headers["access-control-allow-credentials"] == "true"
            assert answer.headers["access-control-expose-headers"] == "x-request-id"
            assert answer.headers["vary"] == "Origin"
    await application.stop()


async def test_a_preflight_of_an_allowed_origin_needs_no_key(make_workspace):
    application = make_application(echo_service(), workspace=make_workspace(cors=CORS, api_keys=("key",)))
    preflight = {"origin": "https://a.example", "access-control-request-method": "POST"}
    async with client_of(application) as client:
        answer = await client.options("/echo", headers=preflight)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST, PUT"
    assert answer.headers["access-control-allow-headers"] == "content-type"
    assert answer.headers["access-control-max-age"] == "60"
    await application.stop()


STRANGERS = ["https://a.example.evil.test", "http://a.example", "https://A.example", "https://a.example:444", "null"]


@pytest.mark.parametrize("origin", STRANGERS)
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
async def test_another_origin_gets_no_cors_header(make_workspace, origin, method):
    application = make_application(echo_service(), workspace=make_workspace(cors=CORS, host="0.0.0.0"))
    headers = {"origin": origin, "access-control-request-method": "POST"}
    async with client_of(application) as client:
        answer = await client.request(method, "/echo", json=1, headers=headers)
    assert [name for name in answer.headers if name.startswith("access-control")] == []
    assert answer.headers["vary"] == "Origin"
    await application.stop()


async def test_every_origin_may_read_what_is_open_to_all(make_workspace):
    everyone = CorsSettings(enabled=True, access_control_allow_origin=("*",))
    application = make_application(echo_service(), workspace=make_workspace(cors=everyone))
    async with client_of(application) as client:
        answer = await client.post("/echo", json=1, headers={"origin": "null"})
    assert (answer.json(), answer.headers["access-control-allow-origin"]) == (1, "*")
    assert "access-control-allow-credentials" not in answer.headers
    await application.stop()


async def test_without_cors_no_origin_gets_a_header(make_workspace):
    application = make_application(echo_service(), workspace=make_workspace(host="0.0.0.0"))
    async with client_of(application) as client:
        answer = await client.post("/echo", json=1, headers={"origin": "https://a.example"})
    assert [name for name in answer.headers if name.startswith(("access-control", "vary"))] == []
    await application.stop()


@pytest.mark.parametrize("cors", [CorsSettings(), CORS])
async def test_pages_of_other_servers_reach_no_function_of_a_local_one(make_workspace, cors):
    calls = []
    svc = Service("local")

    @svc.api(input=JSON(), output=JSON())
    async def note(value):
        calls.append(value)

    application = make_application(svc, workspace=make_workspace(cors=cors))
    async with client_of(application) as client:
        for origin in STRANGERS:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                # No content type is needed, so that a browser would send it without asking first.
                answer = await client.request(method, "/note", content=b"1", headers={"origin": origin})
                assert answer.status_code == 403, (origin, method)
                assert [name for name in answer.headers if name.startswith("access-control")] == []
    assert calls == []
    await application.stop()


async def test_an_application_that_is_named_by_the_service_is_the_same(make_workspace):
    from jubako.workspace import using_workspace

    with using_workspace(make_workspace()):
        application = echo_service().asgi_app
    async with client_of(application) as client:
        assert (await client.post("/echo", json="x")).json() == "x"
    await application.stop()
