"""WSGI applications: what PEP 3333 asks of a server, by the standard library's own validator."""

from __future__ import annotations

import wsgiref.validate

import httpx
import pytest

from jubako.server import make_application
from jubako.services import Service


def mount(app) -> Service:
    svc = Service("wsgi")
    svc.mount_wsgi_app(app, "/app")
    return svc


async def test_the_server_keeps_what_the_standard_asks_of_it(serve_service):
    seen: list[dict[str, object]] = []

    def app(environ, start_response):
        seen.append(dict(environ))
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response("200 Fine", [("Content-Type", "text/plain"), ("X-Two", "a"), ("X-Two", "b")])
        return [b"got ", body]

    site = await serve_service(mount(wsgiref.validate.validator(app)))
    headers = {"cookie": "a=1", "x-thing": "t", "proxy": "evil", "x_thing": "forged"}
    raw = await site.send_raw(
        b"POST /app/a%20b/%C3%BC?q=%20 HTTP/1.1\r\nhost: localhost:9\r\nconnection: close\r\ncontent-length: 4\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
        + b"cookie: b=2\r\nx-thing: u\r\ncontent-type: text/x\r\n\r\nbody"
    )
    assert raw.startswith(b"HTTP/1.1 200 ")
    assert raw.count(b"x-two: ") == 2
    (environ,) = seen
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/app",
        "PATH_INFO": "/a b/Ã¼",
        "QUERY_STRING": "q=%20",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": "localhost:9",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_THING": "t,u",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.run_once": False,
    }
    assert {name: environ[name] for name in expected} == expected
    assert "HTTP_PROXY" not in environ
    # Nothing of this process's environment is told.
    assert "PATH" not in environ


@pytest.mark.parametrize(
    ("status", "pieces", "body"),
    [
        ("204 No Content", [], b""),
        ("200 OK", [b"", b"", b"x"], b"x"),
        ("200 OK", [], b""),
        ("304 Not Modified", [], b""),
    ],
)
async def test_answers_without_a_body_are_answers(serve_service, status, pieces, body):
    def app(environ, start_response):
        start_response(status, [])
        return pieces

    site = await serve_service(mount(app))
    answer = await site.ask("/app")
    assert answer.status == int(status[:3])
    assert answer.body.endswith(body) or answer.headers["transfer-encoding"] == "chunked"


async def test_the_write_function_of_old_applications_works(serve_service):
    def app(environ, start_response):
        write = start_response("200 OK", [("content-length", "4")])
        write(b"ab")
        return [b"cd"]

    site = await serve_service(mount(app))
    assert (await site.ask("/app")).body == b"abcd"


async def test_what_a_wsgi_application_does_wrong_is_a_500_and_the_log_says_whose(serve_service, caplog):
    closed = []

    class Pieces:
        def __iter__(self):
            raise ValueError("a secret")

        def close(self):
            closed.append(True)

    def fails_late(environ, start_response):
        start_response("200 OK", [])
        return Pieces()

    def exits(environ, start_response):
        raise SystemExit(3)

    def starts_nothing(environ, start_response):
        return [b"x"]

    def forbidden(environ, start_response):
        start_response("200 OK", [("Connection", "close")])
        return [b"x"]

    svc = Service("wsgi")
    apps = (fails_late, exits, starts_nothing, forbidden)
    for app in apps:
        svc.mount_wsgi_app(app, app.__name__)
    site = await serve_service(svc)
    for app in apps:
        answer = await site.ask(f"/{app.__name__}")
        assert answer.status == 500, app
        assert b"secret" not in answer.body
        assert f"the application mounted at /{app.__name__} failed on GET" in caplog.text
    assert closed == [True]


async def test_an_application_may_answer_instead_of_what_it_began(serve_service):
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            raise ValueError
        except ValueError as error:
            start_response("503 Busy", [("content-length", "4")], (ValueError, error, error.__traceback__))
        return [b"busy"]

    answer = await (await serve_service(mount(app))).ask("/app")
    assert (answer.status, answer.body) == (503, b"busy")


async def test_a_wsgi_application_takes_no_websocket(serve_service, open_websocket):
    def app(environ, start_response):
        pytest.fail("it was called")

    site = await serve_service(mount(app))
    assert (await open_websocket(site.port, "/app")).status == 403


async def test_it_runs_without_a_server_too(make_workspace):
    def app(environ, start_response):
        start_response("200 OK", [("content-type", "text/plain")])
        yield environ["PATH_INFO"].encode()

    application = make_application(mount(app), workspace=make_workspace())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost") as client:
        assert (await client.get("/app/x")).text == "/x"
    await application.stop()
