"""Applications below a path: what is looked up first, what they see of the path, HTTP and WebSocket, their bounds."""

from __future__ import annotations

import asyncio
import gc

import httpx
import pytest
from flask import Flask, request
from quart import Quart, websocket
from quart import request as quart_request
from wsproto.events import CloseConnection, TextMessage

from jubako.io import JSON
from jubako.runners import SimpleRunner
from jubako.server import make_application
from jubako.services import Service
from jubako.settings import LoggingSettings


class Doubler(SimpleRunner):
    def _setup(self) -> None:
        pass

    def _run(self, value):
        return value * 2


def echo_service(**options) -> Service:
    svc = Service("echo", **options)

    @svc.api(input=JSON(), output=JSON(), route="deep/echo")
    async def echo(value):
        return value

    return svc


def client_of(application) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost")


async def told(name, scope, send) -> None:
    body = f"{name} {scope['root_path']} {scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


def telling(name):
    """An application that answers with its name, root path and path, and knows no lifespan."""

    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        await told(name, scope, send)

    return app


async def test_built_in_routes_and_apis_come_before_mounts_and_long_paths_before_short_ones(make_workspace):
    svc = echo_service()
    svc.mount_asgi_app(telling("all"))
    svc.mount_asgi_app(telling("deep"), "deep")
    svc.mount_asgi_app(telling("deeper"), "/deep/er/")
    application = make_application(svc, workspace=make_workspace())
    async with client_of(application) as client:
        assert (await client.post("/deep/echo", json=1)).json() == 1
        assert (await client.get("/readyz")).json() == {"ready": True, "reasons": []}
        assert "openapi" in (await client.get("/docs.json")).json()
        assert (await client.get("/")).headers["content-type"] == "text/html; charset=utf-8"
        for path, answer in [
            ("/deep", "deep /deep /deep"),
            ("/deep/", "deep /deep /deep/"),
            ("/deep/x/y", "deep /deep /deep/x/y"),
            ("/deep/er", "deeper /deep/er /deep/er"),
            ("/deep/er/z", "deeper /deep/er /deep/er/z"),
            ("/deep/erx", "deep /deep /deep/erx"),
            ("/deepest", "all  /deepest"),
            ("/docs.json/x", "all  /docs.json/x"),
        ]:
            assert (await client.get(path)).text == answer
        # An API is asked by POST, and what is mounted round it does not take its place.
        assert (await client.get("/deep/echo")).status_code == 405
    await application.stop()


async def test_a_mount_below_a_root_path_sees_both(make_workspace):
    svc = echo_service()
    svc.mount_asgi_app(telling("tool"), "/tool")
    application = make_application(svc, workspace=make_workspace())
    transport = httpx.ASGITransport(application, root_path="/proxy")
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/proxy/tool/a")).text == "tool /proxy/tool /proxy/tool/a"
        # Servers differ in whether the path has the root path in front.
        assert (await client.get("/tool/a")).text == "tool /proxy/tool /proxy/tool/a"
    await application.stop()


def mounted_service(runner) -> Service:
    """Flask and Quart, each with a route that calls a runner."""
    svc = echo_service(runners=[runner])
    flask, quart = Flask("wsgi"), Quart("asgi")

    @flask.post("/double")
    def double_in_thread():
        return {"answer": runner.run(request.get_json()), "root": request.script_root, "path": request.path}

    @flask.get("/stream")
    def stream():
        return (str(number) for number in range(5))

    @flask.get("/nothing")
    def nothing():
        return "", 204

    @quart.post("/double")
    async def double_on_loop():
        return {"answer": await runner.async_run(await quart_request.get_json())}

    @quart.websocket("/talk")
    async def talk():
        while True:
            await websocket.send(str(await runner.async_run(int(await websocket.receive()))))

    svc.mount_wsgi_app(flask, "/wsgi")
    svc.mount_asgi_app(quart, "/asgi")
    return svc


async def test_mounted_applications_call_runners(serve_service, open_websocket):
    site = await serve_service(mounted_service(Doubler()))
    answer = await site.ask("/wsgi/double", b"21")
    assert answer.json == {"answer": 42, "root": "/wsgi", "path": "/double"}
    assert (await site.ask("/asgi/double", b"21")).json == {"answer": 42}
    talk = await open_websocket(site.port, "/asgi/talk")
    assert talk.status == 101
    assert talk.headers[b"x-request-id"]
    for number in (1, 21):
        await talk.send(str(number))
        assert (await talk.event()).data == str(2 * number)


async def test_wsgi_answers_come_as_they_are_made(serve_service):
    site = await serve_service(mounted_service(Doubler()))
    answer = await site.ask("/wsgi/stream")
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.body == b"".join(b"1\r\n%d\r\n" % number for number in range(5)) + b"0\r\n\r\n"
    assert (await site.ask("/wsgi/nothing")).status == 204
    assert (await site.ask("/wsgi/nowhere")).status == 404


async def test_a_drain_closes_websockets_and_says_so(serve_service, open_websocket):
    site = await serve_service(mounted_service(Doubler()))
    talk = await open_websocket(site.port, "/asgi/talk")
    await talk.send("1")
    await talk.event()
    site.stop.set()
    event = await talk.event()
    assert isinstance(event, CloseConnection)
    assert event.code == 1012
    await site.ended()


async def test_a_websocket_at_no_mount_is_refused(serve_service, open_websocket):
    site = await serve_service(echo_service())
    for path in ("/", "/deep/echo", "/readyz", "/nowhere"):
        talk = await open_websocket(site.port, path)
        assert talk.status in (404, 405)
        assert b"urn:jubako:problem" in talk.body
        assert talk.headers[b"x-request-id"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 101),
        ({"origin": "http://localhost:9"}, 101),
        ({"origin": "https://evil.test"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "evil.test"}, 421),
    ],
)
async def test_websockets_are_for_our_own_names_and_pages(serve_service, open_websocket, headers, status):
    site = await serve_service(mounted_service(Doubler()))
    assert (await open_websocket(site.port, "/asgi/talk", **headers)).status == status


async def test_on_any_address_pages_of_others_open_no_websocket(serve_app, make_workspace, open_websocket):
    workspace = make_workspace(host="0.0.0.0")
    application = make_application(mounted_service(Doubler()), workspace=workspace)
    site = await serve_app(application, workspace.settings.server)
    for origin, status in (("http://iris.test", 101), ("https://evil.test", 403)):
        talk = await open_websocket(site.port, "/asgi/talk", host="iris.test", origin=origin)
        assert talk.status == status


async def test_a_websocket_needs_an_api_key(serve_service, open_websocket):
    site = await serve_service(mounted_service(Doubler()), api_keys=("key",))
    assert (await open_websocket(site.port, "/asgi/talk")).status == 401
    assert (await open_websocket(site.port, "/asgi/talk", x_api_key="key")).status == 101


async def test_a_message_above_the_limit_ends_its_websocket_only(serve_service, open_websocket):
    site = await serve_service(mounted_service(Doubler()), max_body_bytes=100)
    talk, other = [await open_websocket(site.port, "/asgi/talk") for _ in range(2)]
    await talk.send("1" * 101)
    event = await talk.event()
    assert isinstance(event, CloseConnection)
    assert event.code == 1009
    await other.send("4")
    assert isinstance(await other.event(), TextMessage)


async def test_a_websocket_whose_application_fails_is_closed_as_that(serve_service, open_websocket, caplog):
    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            if scope["path"] == "/app/late":
                await send({"type": "websocket.accept"})
            raise ValueError("a bug of the application")

    svc = echo_service()
    svc.mount_asgi_app(app, "/app")
    site = await serve_service(svc)
    assert (await open_websocket(site.port, "/app/early")).status == 500
    talk = await open_websocket(site.port, "/app/late")
    assert talk.status == 101
    assert (await talk.event()).code == 1011
    assert "a bug of the application" in caplog.text


async def test_websockets_are_counted_and_logged(serve_service, open_websocket, capsys):
    site = await serve_service(mounted_service(Doubler()), logging=LoggingSettings(format="text"))
    talk = await open_websocket(site.port, "/asgi/talk")
    await talk.send("1")
    await talk.event()
    metrics = (await site.ask("/metrics")).body.decode()
    assert 'jubako_request_in_progress{api="asgi",service="echo"} 1.0' in metrics
    talk.close()
    site.stop.set()
    await site.ended()
    assert " WEBSOCKET /asgi/talk 101 " in capsys.readouterr().err


async def test_bodies_for_mounts_are_bounded(serve_service):
    site = await serve_service(mounted_service(Doubler()), max_body_bytes=50, max_body_chunks=3)
    for path in ("/wsgi/double", "/asgi/double", "/readyz"):
        assert (await site.ask(path, b"1" * 51)).status == 413
    for path in ("/wsgi/double", "/asgi/double"):
        chunked = b"POST %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked"
        chunked = chunked % path.encode() + b"\r\ncontent-type: application/json\r\n\r\n"
        raw = await site.send_raw(chunked + b"33\r\n" + b"1" * 51 + b"\r\n0\r\n\r\n")
        assert raw.startswith(b"HTTP/1.1 413 "), path
        pieces = b"".join(b"1\r\n1\r\n" for _ in range(4))
        raw = await site.send_raw(chunked + pieces + b"0\r\n\r\n")
        assert raw.startswith(b"HTTP/1.1 400 "), path
        assert b"more than 3 pieces" in raw


async def test_a_body_for_a_mount_that_does_not_come_is_a_timeout(serve_service):
    site = await serve_service(mounted_service(Doubler()), body_timeout_s=0.2)
    for path in (b"/wsgi/double", b"/asgi/double"):
        head = b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n1"
        assert (await site.send_raw(head % path)).startswith(b"HTTP/1.1 408 ")


async def test_bodies_for_mounts_count_as_held(serve_service):
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await receive()
        arrived.set()
        await release.wait()
        await told("slow", scope, send)

    svc = mounted_service(Doubler())
    svc.mount_asgi_app(slow, "/slow")
    site = await serve_service(svc, max_held_bytes=100)
    asking = asyncio.create_task(site.ask("/slow", b"1" * 90))
    await arrived.wait()
    for path in ("/wsgi/double", "/asgi/double", "/deep/echo"):
        answer = await site.ask(path, b"1" * 60)
        assert answer.status == 503, path
    release.set()
    assert (await asking).status == 200
    assert (await site.ask("/deep/echo", b"1" * 60)).status == 200


async def test_a_mount_that_does_not_answer_in_time_is_a_504(serve_service):
    ended = asyncio.Event()

    async def hangs(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def streams(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(6):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
            await asyncio.sleep(0.25)  # what streams is slow by itself, and longer than the request's time
        await send({"type": "http.response.body", "body": b""})

    svc = echo_service()
    svc.mount_asgi_app(hangs, "/hangs")
    svc.mount_asgi_app(streams, "/streams")
    site = await serve_service(svc, timeout_s=1.0)
    answer = await site.ask("/hangs")
    assert answer.status == 504
    assert answer.json["type"] == "urn:jubako:problem:deadline-exceeded"
    assert ended.is_set()
    assert (await site.ask("/streams")).body.endswith(b"0\r\n\r\n")


async def test_what_a_mount_raises_is_a_500_that_tells_nothing(serve_service, caplog):
    async def fails(scope, receive, send):
        raise ValueError("a secret")

    async def forgets(scope, receive, send):
        pass

    async def stops_midway(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"12", "more_body": True})
        raise ValueError("midway")

    svc = echo_service()
    for app in (fails, forgets, stops_midway):
        svc.mount_asgi_app(app, app.__name__)
    site = await serve_service(svc)
    for path in ("/fails", "/forgets"):
        answer = await site.ask(path)
        assert answer.status == 500
        assert b"secret" not in answer.body
    assert "the application mounted at /fails failed on GET /fails" in caplog.text
    assert "the application mounted at /forgets gave no answer to /forgets" in caplog.text
    assert (await site.send_raw(b"GET /stops_midway HTTP/1.1\r\nhost: localhost\r\n\r\n")).endswith(b"\r\n\r\n12")


async def test_the_thread_of_a_wsgi_application_ends_where_its_client_has_left(serve_service):
    begun, left, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def wsgi(environ, start_response):
        start_response("200 OK", [("content-type", "text/plain")])
        try:
            yield b"first"
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(left.wait(), loop).result(60)
            while True:
                yield b"more"
        finally:
            loop.call_soon_threadsafe(closed.set)

    svc = echo_service()
    svc.mount_wsgi_app(wsgi, "/endless")
    site = await serve_service(svc)
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await asyncio.wait_for(begun.wait(), 60)
    writer.transport.abort()
    left.set()
    await asyncio.wait_for(closed.wait(), 60)


async def test_a_wsgi_application_is_held_to_the_pool_of_threads(serve_service):
    release, waiting = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def wsgi(environ, start_response):
        loop.call_soon_threadsafe(waiting.set)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(60)
        start_response("200 OK", [])
        return [b"done"]

    svc = echo_service()
    svc.mount_wsgi_app(wsgi, "/slow")
    site = await serve_service(svc, sync_threads=1, sync_waiting=0)
    first = asyncio.create_task(site.ask("/slow"))
    await asyncio.wait_for(waiting.wait(), 60)
    assert (await site.ask("/slow")).status == 429
    release.set()
    assert (await first).body == b"done"


async def test_services_in_one_process_share_nothing(make_workspace):
    def make(factor: int) -> Service:
        runner = Doubler(name="one-name")
        svc = Service("one-name", runners=[runner])

        @svc.api(input=JSON(), output=JSON())
        async def compute(value):
            return factor * await runner.async_run(value)

        return svc

    outer, inner, other = make(1), make(10), make(100)
    outer.mount_asgi_app(make_application(inner, workspace=make_workspace()), "/inner")
    applications = [make_application(svc, workspace=make_workspace()) for svc in (outer, other)]
    async with client_of(applications[0]) as client, client_of(applications[1]) as other_client:
        asked = [client.post("/compute", json=1), client.post("/inner/compute", json=1)]
        asked.append(other_client.post("/compute", json=1))
        answers = await asyncio.gather(*asked)
        assert [answer.json() for answer in answers] == [2, 20, 200]
        assert answers[1].headers.get_list("x-request-id") == [answers[1].headers["x-request-id"]]
        assert (await client.get("/inner/readyz")).json()["ready"]
        assert (await other_client.post("/inner/compute", json=1)).status_code == 404
        await applications[1].stop()
        assert (await client.post("/compute", json=2)).json() == 4
    await applications[0].stop()
    gc.collect()  # what was left open would warn here, and fail the test


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize(
    ("status", "header"),
    [
        (200, (b"x-echo", b"a\r\nset-cookie: b=1")),
        (200, (b"x-echo", b"a\0b")),
        (200, (b"x echo", b"a")),
        (99, (b"x-echo", b"a")),
    ],
)
async def test_a_client_cannot_split_an_answer_of_a_mount_in_any_version_of_http(
    serve_service, version, status, header
):
    async def echo(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": [header]})
        await send({"type": "http.response.body", "body": b"echoed"})

    svc = echo_service()
    svc.mount_asgi_app(echo, path="/mounted")
    site = await serve_service(svc)
    is_new = version == "HTTP/2"
    async with httpx.AsyncClient(base_url=f"http://localhost:{site.port}", http1=not is_new, http2=is_new) as client:
        answer = await client.get("/mounted")
        assert (answer.status_code, answer.content, answer.http_version) == (500, b"", version)
        assert "set-cookie" not in answer.headers
        # The connection, which others may share, goes on.
        assert (await client.post("/deep/echo", json=1)).json() == 1
