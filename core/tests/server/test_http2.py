"""HTTP/2 with clients that flood, that do not read, that leave out parts of requests, and that go on sending."""

from __future__ import annotations

import asyncio
import contextlib

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
from h2.errors import ErrorCodes
from hyperframe import frame as frames
from hypothesis import given
from hypothesis import strategies as st

from jubako.io import JSON
from jubako.server.http2_frames import FrameCount, TooManyFrames
from jubako.services import Service
from jubako.settings import ServerSettings
from jubako.testing.http_server_tests import Applet

PATIENCE_S = 60.0

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Client:
    """A connection that speaks HTTP/2, one step at a time."""

    def __init__(self, reader, writer, **settings):
        self.reader, self.writer = reader, writer
        config = h2.config.H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None
        )
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings.update(settings.pop("announced", {}))
        self.h2.initiate_connection()
        self.events = []
        self.flush()

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    def request(self, path=b"/echo", method=b"GET", *, end=True, more=()):
        stream_id = self.h2.get_next_available_stream_id()
        headers = [(b":method", method), (b":scheme", b"http"), (b":authority", b"localhost"), *more]
        self.h2.send_headers(stream_id, [(b":path", path), *headers], end_stream=end)
        self.flush()
        return stream_id

    async def until(self, kind, stream_id=None):
        """Read until an event comes, or the end of the connection if `kind` is None."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in self.events:
                    is_wanted = kind is not None and isinstance(event, kind)
                    if is_wanted and (stream_id is None or event.stream_id == stream_id):
                        self.events.remove(event)
                        return event
                try:
                    data = await self.reader.read(65536)
                except ConnectionError:
                    data = b""
                if not data:
                    assert kind is None, f"closed before {kind}: {self.events}"
                    return None
                self.events += self.h2.receive_data(data)
                self.flush()

    async def answer(self, stream_id):
        """Read a whole answer and return its status and body."""
        head = await self.until(h2.events.ResponseReceived, stream_id)
        await self.until(h2.events.StreamEnded, stream_id)
        parts = [event for event in self.events if isinstance(event, h2.events.DataReceived)]
        body = b"".join(event.data for event in parts if event.stream_id == stream_id)
        return int(dict(head.headers)[b":status"]), body


@pytest.fixture
async def connect():
    async def end(writer):
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async with contextlib.AsyncExitStack() as stack:

        async def begin(site, **settings):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            stack.push_async_callback(end, writer)
            return Client(reader, writer, **settings)

        yield begin


def rapid_reset(client):
    stream_id = client.request()
    client.h2.reset_stream(stream_id)
    return client.h2.data_to_send()


FLOODS = {
    "reset": rapid_reset,
    "ping": lambda client: frames.PingFrame(0, opaque_data=b"12345678").serialize(),
    "settings": lambda client: frames.SettingsFrame(0, settings={4: 65535}).serialize(),
    "empty data": lambda client: frames.DataFrame(1, data=b"").serialize(),
    "padding": lambda client: frames.DataFrame(1, pad_length=200, flags=["PADDED"]).serialize(),
    "data of an answered stream": lambda client: frames.DataFrame(3, data=b"x").serialize(),
    "priority": lambda client: frames.PriorityFrame(1001, depends_on=0, stream_weight=1).serialize(),
    "window": lambda client: frames.WindowUpdateFrame(0, window_increment=1).serialize(),
    "unknown": lambda client: frames.ExtensionFrame(0xF0, 0, 0, b"x").serialize(),
    "continuation": lambda client: frames.ContinuationFrame(3, data=b"").serialize(),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_connection_that_floods_is_closed_and_others_are_served(serve_app, connect, caplog, kind):
    applet = Applet()
    applet.release.set()
    site = await serve_app(applet)
    client, other = await connect(site), await connect(site)
    # A stream that is open, and waits for a body or for its answer.
    client.request(b"/listen", b"POST", end=kind not in ("empty data", "padding"))
    if kind == "data of an answered stream":
        await client.until(h2.events.StreamEnded, client.request(b"/slow", b"POST", end=False))
    if kind == "continuation":
        client.writer.write(frames.HeadersFrame(3, data=b"").serialize())
    with contextlib.suppress(ConnectionError):
        for _ in range(5000):
            client.writer.write(FLOODS[kind](client))
            await client.writer.drain()
    await client.until(None)
    assert await other.answer(other.request()) == (200, b"")
    assert not [record for record in caplog.records if record.exc_info]


async def test_resets_that_a_client_may_need_do_no_harm(serve_app, connect):
    client = await connect(await serve_app(Applet()))
    for _ in range(200):
        client.writer.write(rapid_reset(client))
    assert await client.answer(client.request()) == (200, b"")


async def test_a_client_that_reads_much_may_grant_much(serve_app, connect):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": bytes(20_000_000)})

    client = await connect(await serve_app(app))
    stream_id, received = client.request(), 0
    client.h2.increment_flow_control_window(20_000_000)
    client.h2.increment_flow_control_window(20_000_000, stream_id)
    client.flush()
    while received < 20_000_000:
        event = await client.until(h2.events.DataReceived, stream_id)
        received += len(event.data)
        # Two frames for each that comes; most clients send fewer.
        for number in (0, stream_id):
            client.writer.write(frames.WindowUpdateFrame(number, window_increment=1).serialize())
    await client.until(h2.events.StreamEnded, stream_id)


async def test_an_answer_that_is_granted_no_window_is_given_up_and_the_others_are_not(serve_app, connect, caplog):
    ended = asyncio.Event()

    async def app(scope, receive, send):
        if scope["type"] == "http":
            size = 1_000_000 if scope["path"] == "/large" else 10
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": bytes(size)})
            if size > 10:
                ended.set()

    client = await connect(await serve_app(app, ServerSettings(write_timeout_s=0.3)))
    stuck = client.request(b"/large")
    await client.until(h2.events.DataReceived, stuck)
    client.h2.increment_flow_control_window(1_000_000)
    event = await client.until(h2.events.StreamReset, stuck)
    assert event.error_code == ErrorCodes.CANCEL
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert await client.answer(client.request()) == (200, bytes(10))
    assert not caplog.records


@pytest.mark.parametrize("how", ["resets its stream", "leaves"])
async def test_an_application_that_waits_for_a_window_hears_that_its_client(serve_app, connect, how):
    ended = asyncio.Event()

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(5):
                await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
            ended.set()

    client = await connect(await serve_app(app))
    stream_id = client.request()
    await client.until(h2.events.DataReceived, stream_id)
    if how == "leaves":
        client.writer.transport.abort()
    else:
        client.h2.reset_stream(stream_id)
        client.flush()
    await asyncio.wait_for(ended.wait(), PATIENCE_S)


async def test_an_answer_in_slow_steps_is_not_given_up(serve_app, connect):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": bytes(65535 * 3), "more_body": True})
            await asyncio.sleep(1.8)  # the application's own pauses are not its client's
            await send({"type": "http.response.body", "body": b"end"})

    client = await connect(await serve_app(app, ServerSettings(write_timeout_s=1.5)))
    stream_id = client.request()
    # Together they take longer than one may.
    for _ in range(12):
        await asyncio.sleep(0.15)
        client.h2.increment_flow_control_window(11_000)
        client.h2.increment_flow_control_window(11_000, stream_id)
        client.flush()
    client.h2.increment_flow_control_window(80_000)
    client.h2.increment_flow_control_window(80_000, stream_id)
    assert (await client.answer(stream_id))[1] == bytes(65535 * 3) + b"end"


async def test_a_body_that_is_answered_before_its_end_is_stopped_and_the_other_streams_go_on(
    serve_app, connect, caplog
):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

    client = await connect(await serve_app(app))
    stream_id = client.request(method=b"POST", end=False)
    await client.until(h2.events.StreamEnded, stream_id)
    client.h2.send_data(stream_id, bytes(16384))
    client.flush()
    event = await client.until(h2.events.StreamReset, stream_id)
    assert event.error_code == ErrorCodes.NO_ERROR
    assert (await client.answer(client.request()))[0] == 413
    assert not caplog.records


async def test_an_answer_that_its_application_gives_up_is_reset(serve_app, connect):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
            raise ArithmeticError("no more")

    client = await connect(await serve_app(app))
    event = await client.until(h2.events.StreamReset, client.request())
    assert event.error_code == ErrorCodes.INTERNAL_ERROR
    await client.until(h2.events.StreamReset, client.request())


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": b"G\xc3\x9cT"},
        {"method": b"G T"},
        {"path": b"/\xff\xfe"},
        {"path": b"echo"},
        {"path": b"http://localhost/echo"},
        {"path": b"/a b"},
    ],
    ids=str,
)
async def test_a_request_that_is_none_is_reset_and_leaves_the_others_alone(serve_app, connect, caplog, wrong):
    client = await connect(await serve_app(Applet()))
    event = await client.until(h2.events.StreamReset, client.request(**wrong))
    assert event.error_code == ErrorCodes.PROTOCOL_ERROR
    assert await client.answer(client.request()) == (200, b"")
    assert not caplog.records


async def test_a_request_that_is_none_and_is_reset_at_once_leaves_the_others_alone(serve_app, connect, caplog):
    client = await connect(await serve_app(Applet()))
    for _ in range(20):
        # Both arrive in one piece, most times.
        stream_id = client.request(path=b"echo")
        client.writer.write(frames.RstStreamFrame(stream_id, error_code=ErrorCodes.CANCEL).serialize())
    assert await client.answer(client.request()) == (200, b"")
    assert not caplog.records


@pytest.mark.parametrize("size", [1500, 40_000])
async def test_headers_above_the_limit_end_the_connection(serve_app, connect, size):
    client = await connect(await serve_app(Applet(), ServerSettings(max_header_bytes=1000)))
    client.request(more=[(b"x-long", b"x" * size)])
    await client.until(h2.events.ConnectionTerminated)
    await client.until(None)


async def test_headers_that_do_not_come_whole_are_cut_in_time(serve_app, connect):
    client = await connect(await serve_app(Applet(), ServerSettings(header_timeout_s=0.3, keep_alive_s=3600)))
    client.writer.write(frames.HeadersFrame(1, data=b"\x82").serialize())
    for _ in range(10):
        client.writer.write(frames.ContinuationFrame(1, data=b"\x84").serialize())
        await asyncio.sleep(0.02)
    await client.until(None)


async def test_a_connection_whose_streams_the_client_has_reset_is_idle(serve_app, connect):
    applet = Applet()
    client = await connect(await serve_app(applet, ServerSettings(keep_alive_s=1.0)))
    stream_id = client.request(b"/listen", b"POST")
    await applet.noted("listening")
    client.h2.reset_stream(stream_id)
    client.flush()
    await applet.noted("http.disconnect")
    await client.until(None)


async def test_a_client_that_pings_without_reading_is_not_answered_without_end(serve_app, connect):
    site = await serve_app(Applet(), ServerSettings(write_timeout_s=0.3, keep_alive_s=0.5))
    before = len(asyncio.all_tasks())
    client = await connect(site, announced={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.writer.transport.pause_reading()
    with contextlib.suppress(ConnectionError):
        for _ in range(900):
            client.writer.write(FLOODS["ping"](client))
            await client.writer.drain()
    async with asyncio.timeout(PATIENCE_S):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110  # the connection's task tells nobody of its end
            await asyncio.sleep(0.01)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 12), st.integers(0, 255)), max_size=30), st.data())
def test_frames_are_counted_the_same_in_whatever_pieces_they_come(written, data):
    sent = PREFACE + b"".join(
        size.to_bytes(3, "big") + bytes([kind, flags]) + bytes(4) + bytes(size) for size, kind, flags in written
    )
    whole, cut = FrameCount(0.0, ()), FrameCount(0.0, ())
    whole.add(sent, 0.0, 0)
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        cut.add(sent[:size], 0.0, 0)
        sent = sent[size:]
    assert vars(whole) == vars(cut)
    assert not whole.is_amid_headers or written


def test_the_allowance_grows_back_with_time_and_with_what_is_read():
    ping = frames.PingFrame(0, opaque_data=b"12345678").serialize()
    count = FrameCount(0.0, {1})
    count.add(PREFACE + ping * 1000, 0.0, 0)
    with pytest.raises(TooManyFrames):
        count.add(ping, 0.0, 0)
    count = FrameCount(0.0, {1})
    count.add(PREFACE + ping * 1000, 0.0, 0)
    count.add(ping * 200, 2.0, 0)
    count.add(ping * 40, 2.0, 10 * 1024)
    with pytest.raises(TooManyFrames):
        count.add(ping, 2.0, 0)


def test_a_reset_counts_for_four():
    count = FrameCount(0.0, {1})
    count.add(PREFACE + frames.RstStreamFrame(1).serialize() * 250, 0.0, 0)
    with pytest.raises(TooManyFrames):
        count.add(frames.PingFrame(0).serialize(), 0.0, 0)


def test_requests_and_bodies_are_not_counted():
    count = FrameCount(0.0, {1})
    sent = frames.HeadersFrame(1, data=b"\x82", flags=["END_HEADERS"]).serialize()
    sent += frames.DataFrame(1, data=b"x").serialize() + frames.DataFrame(1, flags=["END_STREAM"]).serialize()
    count.add(PREFACE + sent * 5000, 0.0, 0)
    assert not count.is_amid_headers


def test_what_is_in_flight_of_bodies_that_were_answered_is_not_counted():
    count = FrameCount(0.0, ())
    count.add(PREFACE + frames.HeadersFrame(1, data=b"\x82", flags=["END_HEADERS"]).serialize(), 0.0, 0)
    count.add(frames.DataFrame(1, data=bytes(1024)).serialize() * 5000, 0.0, 0)
    with pytest.raises(TooManyFrames):
        count.add(frames.DataFrame(1, data=b"x").serialize() * 1001, 0.0, 0)


@pytest.mark.parametrize("cut", range(1, 10))
def test_bodies_are_not_counted_whose_headers_come_in_two_pieces(cut):
    count = FrameCount(0.0, ())
    headers = frames.HeadersFrame(1, data=b"\x82", flags=["END_HEADERS"]).serialize()
    count.add(PREFACE + headers[:cut], 0.0, 0)
    count.add(headers[cut:] + frames.DataFrame(1, data=b"x").serialize() * 5000, 0.0, 0)


async def test_a_stream_of_items_that_its_client_resets_is_ended_and_the_connection_goes_on(serve_service, connect):
    service = Service("items")
    ended = asyncio.Event()

    @service.api(output=JSON())
    async def count():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.set()

    client = await connect(await serve_service(service))
    stream_id = client.request(b"/count", b"POST")
    await client.until(h2.events.DataReceived, stream_id)
    client.h2.reset_stream(stream_id)
    client.flush()
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert (await client.answer(client.request(b"/healthz")))[0] == 200


async def test_a_stream_of_items_that_fails_is_reset(serve_service, connect):
    service = Service("items")

    @service.api(output=JSON())
    async def fail():
        yield 1
        raise RuntimeError("secret")

    client = await connect(await serve_service(service))
    stream_id = client.request(b"/fail", b"POST")
    reset = await client.until(h2.events.StreamReset, stream_id)
    assert reset.error_code == ErrorCodes.INTERNAL_ERROR
    assert (await client.answer(client.request(b"/healthz")))[0] == 200
