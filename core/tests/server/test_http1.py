"""What the strict parser refuses, where in the stream of a connection it stands, and what it lets pass."""

from __future__ import annotations

import asyncio

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.server.http1 import StrictParser
from jubako.settings import ServerSettings
from jubako.testing.http_server_tests import Applet

GOOD = b"GET /echo HTTP/1.1\r\nhost: localhost\r\n\r\n"

BAD_HEADS = {
    "a bare line feed": b"GET /echo HTTP/1.1\r\nhost: localhost\nx: 1\r\n\r\n",
    "only bare line feeds": b"GET /echo HTTP/1.1\nhost: localhost\n\n",
    "a bare line feed at the end": b"GET /echo HTTP/1.1\r\nhost: localhost\r\n\n",
    "a folded header": b"GET /echo HTTP/1.1\r\nhost: localhost\r\nx: 1\r\n 2\r\n\r\n",
    "a header folded by a tab": b"GET /echo HTTP/1.1\r\nhost: localhost\r\nx: 1\r\n\t2\r\n\r\n",
}


@pytest.mark.parametrize("bad", BAD_HEADS.values(), ids=BAD_HEADS.keys())
@pytest.mark.parametrize("before", [b"", GOOD, GOOD * 3], ids=["alone", "second", "fourth"])
async def test_a_head_that_reads_two_ways_is_refused_and_ends_the_connection(serve_app, bad, before):
    site = await serve_app(Applet())
    raw = await site.send_raw(before + bad + GOOD)
    answers = raw.split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200"] * before.count(b"GET") + [b"400"]


TRAILERS = {
    "a bare line feed": b"0\r\nx: 1\ny: 2\r\n\r\n",
    "an end that only we would see": b"0\r\nx: 1\n\n" + GOOD,
    "an end without trailers": b"0\r\n\n" + GOOD,
    "a folded one": b"0\r\nx: 1\r\n 2\r\n\r\n",
}


@pytest.mark.parametrize("bad", TRAILERS.values(), ids=TRAILERS.keys())
async def test_trailers_that_read_two_ways_are_refused(serve_app, bad):
    site = await serve_app(Applet())
    start = b"POST /echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n"
    raw = await site.send_raw(start + bad)
    assert raw.startswith(b"HTTP/1.1 400")
    assert raw.count(b"HTTP/1.1 ") == 1
    good = await site.send_raw(start + b"0\r\nx: 1\r\n\r\n" + GOOD, eof=True)
    assert good.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("bad", BAD_HEADS.values(), ids=BAD_HEADS.keys())
async def test_it_does_not_matter_in_which_pieces_it_comes(serve_app, bad):
    site = await serve_app(Applet())
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    for start in range(len(bad)):
        writer.write(bad[start : start + 1])
        await writer.drain()
        await asyncio.sleep(0)
    assert (await asyncio.wait_for(reader.read(), 60)).startswith(b"HTTP/1.1 400")
    writer.close()


@given(st.binary(max_size=60), st.integers(0, 60))
def test_bodies_may_hold_anything(body, cut):
    parser = StrictParser(1000)
    parser.receive_data(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body) + body[:cut])
    assert isinstance(parser.next_event(), h11.Request)
    if body[cut:]:
        parser.receive_data(body[cut:])
    received = b""
    while isinstance(event := parser.next_event(), h11.Data):
        received += event.data
    assert received == body
    assert isinstance(event, h11.EndOfMessage)


@pytest.mark.parametrize("before", [b"", GOOD], ids=["alone", "second"])
async def test_a_head_above_the_limit_is_refused_also_if_it_comes_at_once(serve_app, before):
    site = await serve_app(Applet(), ServerSettings(max_header_bytes=1000))
    raw = await site.send_raw(before + GOOD[:-2] + b"x: " + b"y" * 2000 + b"\r\n\r\n")
    assert raw.split(b"HTTP/1.1 ")[-1].startswith(b"431")


async def test_a_second_head_that_does_not_come_whole_has_the_time_of_headers(serve_app):
    site = await serve_app(Applet(), ServerSettings(header_timeout_s=1.0, keep_alive_s=3600))
    raw = await site.send_raw(GOOD + b"GET /ec")
    assert raw.count(b"HTTP/1.1 200") == 1


async def test_a_connection_that_was_pipelined_on_stays_for_keep_alive(serve_app):
    site = await serve_app(Applet(), ServerSettings(header_timeout_s=1.0, keep_alive_s=2.0))
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    assert (await site.send_raw(GOOD * 2)).count(b"HTTP/1.1 200") == 2
    assert loop.time() - began_s >= 2.0


async def test_an_upgrade_to_http2_is_passed_over(serve_app):
    site = await serve_app(Applet())
    upgrade = b"upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\nconnection: upgrade, http2-settings\r\n"
    raw = await site.send_raw(GOOD[:-2] + upgrade + b"\r\n", eof=True)
    assert raw.startswith(b"HTTP/1.1 200")
    assert b"101" not in raw[:20]


async def test_requests_sent_without_reading_the_answers_do_not_fill_the_memory(serve_app):
    answered = 0

    async def app(scope, receive, send):
        nonlocal answered
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10000")]})
            await send({"type": "http.response.body", "body": bytes(10_000)})
            answered += 1

    site = await serve_app(app, ServerSettings(write_timeout_s=0.5))
    before = len(asyncio.all_tasks())
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1024)
    writer.write(GOOD * 10_000)
    await reader.readuntil(b"\r\n\r\n")
    # It is cut at last; before that nothing more is read while its answers wait.
    async with asyncio.timeout(60):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110  # the connection's task tells nobody of its end
            await asyncio.sleep(0.01)
    # The system takes some megabytes; all answers are a hundred.
    assert answered < 3000
    writer.transport.abort()


async def answer_early(scope, receive, send):
    """Answer the headers alone, as a route does that takes no body."""
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


async def test_an_answer_before_the_end_of_the_body_says_that_the_connection_closes(serve_app):
    site = await serve_app(answer_early)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    writer.write(b"12345")
    assert head.startswith(b"HTTP/1.1 404")
    assert b"connection: close" in head
    assert await asyncio.wait_for(reader.read(), 60) == b"no"
    writer.close()


async def test_an_answer_after_the_end_of_the_body_keeps_the_connection(serve_app):
    site = await serve_app(answer_early)
    raw = await site.send_raw(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n12345" * 2, eof=True)
    assert raw.count(b"HTTP/1.1 404") == 2
    assert b"connection: close" not in raw
