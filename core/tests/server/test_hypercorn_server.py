"""Hypercorn under our own accepting, limits and stopping."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import subprocess
import sys

import httpx
import pytest

from jubako.server.hypercorn_server import serve
from jubako.settings import ServerSettings
from jubako.testing.http_server_tests import Applet, HttpServerTests

# Longer than any test waits: what would take it is never done in time.
NEVER_S = 3600.0
PATIENCE_S = 60.0


class TestHypercorn(HttpServerTests):
    http_server = staticmethod(serve)


async def websocket_app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()


def upgrade_request() -> bytes:
    key = base64.b64encode(os.urandom(16))
    return (
        b"GET /ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: %s\r\n\r\n" % key
    )


async def test_an_open_websocket_does_not_delay_a_stop(serve_app):
    site = await serve_app(websocket_app, ServerSettings(drain_s=NEVER_S))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(upgrade_request())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    site.stop.set()
    await site.ended()
    # A ping, which Hypercorn sends at once, and a close frame with code 1012, service restart.
    assert (await reader.read())[:6] == b"\x89\x00\x88\x02\x03\xf4"
    writer.close()


async def test_a_cut_request_is_answered_503_with_retry_after(serve_app):
    applet = Applet()
    site = await serve_app(applet, ServerSettings(drain_s=0.1))
    asking = asyncio.create_task(site.ask("/slow"))
    await applet.noted("waiting")
    site.stop.set()
    answer = await asking
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["content-type"] == "application/problem+json"
    await site.ended()


async def test_a_client_that_reads_nothing_does_not_delay_a_stop(serve_app):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": bytes(20_000_000)})

    site = await serve_app(app, ServerSettings(drain_s=0.2, write_timeout_s=NEVER_S))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1024)
    writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    site.stop.set()
    await site.ended()
    writer.transport.abort()


async def test_a_client_that_reads_nothing_is_cut(serve_app):
    ended = asyncio.Event()

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(400):
                await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
            ended.set()

    site = await serve_app(app, ServerSettings(write_timeout_s=0.2))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1024)
    writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    # Without a limit the application would wait for this client without end; now it sends the rest to nobody.
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    writer.transport.abort()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost: loc"], ids=["silent", "half a header"])
async def test_a_connection_without_whole_headers_is_closed_in_time(serve_app, begun):
    site = await serve_app(Applet(), ServerSettings(header_timeout_s=0.2, keep_alive_s=NEVER_S))
    assert await site.send_raw(begun) == b""


async def test_headers_that_drip_are_cut_in_time(serve_app):
    site = await serve_app(Applet(), ServerSettings(header_timeout_s=0.3))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)

    async def drip():
        with contextlib.suppress(ConnectionError):
            for byte in b"GET / HTTP/1.1\r\n" + b"x: 1\r\n" * 10_000:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    with contextlib.suppress(ConnectionError):
        # All of them take many minutes.
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    dripping.cancel()
    writer.close()


async def test_the_headers_of_a_second_request_have_the_same_limit(serve_app):
    site = await serve_app(Applet(), ServerSettings(header_timeout_s=1.0, keep_alive_s=NEVER_S))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /echo HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"GET /echo HT")
    assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()


async def test_an_idle_connection_is_closed_after_keep_alive(serve_app):
    site = await serve_app(Applet(), ServerSettings(header_timeout_s=NEVER_S, keep_alive_s=0.2))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /echo HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()


@pytest.mark.parametrize("more", [b"", b"\x00\x00\x10\x01"], ids=["greeting", "half a frame"])
async def test_an_http2_connection_without_a_request_is_closed_after_keep_alive(serve_app, more):
    site = await serve_app(Applet(), ServerSettings(header_timeout_s=NEVER_S, keep_alive_s=0.2))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + more)
    assert len(await asyncio.wait_for(reader.read(), PATIENCE_S)) > 0
    writer.close()


async def test_more_connections_than_allowed_are_refused_with_503(serve_app):
    site = await serve_app(Applet(), ServerSettings(max_connections=2))
    held = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(2)]
    for reader, writer in held:
        writer.write(b"GET /echo HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
    answer = await site.ask("/echo")
    assert answer.status == 503
    assert answer.json["type"] == "urn:jubako:problem:service-unavailable"
    assert len(answer.body) == int(answer.headers["content-length"])
    for _, writer in held:
        writer.close()


async def test_headers_above_the_limit_are_refused(serve_app):
    site = await serve_app(Applet(), ServerSettings(max_header_bytes=2048))
    answer = await site.ask("/echo", headers={"x-long": "x" * 4000})
    assert answer.status == 431


async def test_an_answer_before_a_long_body_was_read_leaves_nothing_behind(serve_app, caplog):
    caplog.set_level("INFO")

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

    site = await serve_app(app)
    before = len(asyncio.all_tasks())
    # More pieces than the server holds for an application.
    raw = await site.send_raw(
        b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1000, eof=True
    )
    assert raw.startswith(b"HTTP/1.1 413")
    site.stop.set()
    await site.ended()
    assert not caplog.records, "a connection had to be cut"
    assert len(asyncio.all_tasks()) < before


async def test_http2_is_spoken_to_those_who_begin_with_it(serve_app):
    pytest.importorskip("h2")
    site = await serve_app(Applet())
    async with httpx.AsyncClient(http1=False, http2=True) as client:
        answer = await client.post(f"http://127.0.0.1:{site.port}/echo", content=b"x" * 200_000)
    assert answer.http_version == "HTTP/2"
    assert answer.content == b"x" * 200_000


async def test_a_pipelined_request_is_answered_in_order(serve_app):
    site = await serve_app(Applet())
    one = b"POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n%s\r\n%s"
    raw = await site.send_raw(one % (b"", b"1") + one % (b"", b"2") + one % (b"connection: close\r\n", b"3"))
    assert [part[:1] for part in raw.split(b"\r\n\r\n")[1:]] == [b"1", b"2", b"3"]


async def test_the_server_does_not_say_what_it_is(serve_app):
    site = await serve_app(Applet())
    answer = await site.ask("/echo")
    assert "server" not in answer.headers
    assert answer.headers["date"].endswith("GMT")


async def test_a_cancelled_server_closes_everything_and_stops_the_application(serve_app):
    applet = Applet()
    site = await serve_app(applet)
    asking = asyncio.create_task(site.ask("/slow"))
    await applet.noted("waiting")
    site.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await site.ended()
    assert applet.notes[-1] == "stopped"
    with pytest.raises((IndexError, ConnectionError)):
        await asking


async def test_an_application_that_raises_no_exception_class_is_not_taken_for_one_without_lifespan(serve_app):
    class Abort(BaseException):
        pass

    async def app(scope, receive, send):
        raise Abort("no model")

    with pytest.raises(Abort, match="no model"):
        await serve_app(app)


def test_connections_that_come_while_the_server_ends_are_closed_with_it(tmp_path):
    program = tmp_path / "late.py"
    program.write_text(
        "import asyncio, socket\n"
        "from jubako.server.hypercorn_server import serve\n"
        "from jubako.settings import ServerSettings\n"
        "async def app(scope, receive, send):\n"
        "    assert scope['type'] == 'lifespan'\n"
        "    for kind in ('startup', 'shutdown'):\n"
        "        await receive()\n"
        "        await send({'type': f'lifespan.{kind}.complete'})\n"
        "async def main(turns):\n"
        "    listening = socket.create_server(('127.0.0.1', 0))\n"
        "    stop, callers = asyncio.Event(), []\n"
        "    def stop_after(turns):\n"
        "        if turns:\n"
        "            asyncio.get_running_loop().call_soon(stop_after, turns - 1)\n"
        "        else:\n"
        "            stop.set()\n"
        "    def ready():\n"
        "        callers.extend(socket.create_connection(listening.getsockname()) for _ in range(20))\n"
        "        stop_after(turns)\n"
        "    await serve(app, [listening], ServerSettings(), ready, stop)\n"
        "    listening.close()\n"
        "    for caller in callers:\n"
        "        caller.close()\n"
        "for turns in range(8):\n"
        "    asyncio.run(main(turns))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-X", "dev", program], check=False, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (ended.returncode, ended.stderr) == (0, "")
