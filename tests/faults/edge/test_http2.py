"""HTTP/2 connections that bring everything but requests."""

from __future__ import annotations

import asyncio
import contextlib

import h2.config
import h2.connection
import pytest
from hyperframe import frame as frames

from tests.faults.edge.raw import beside, leave, read_to_end, undisturbed
from tests.faults.state import resident_kib

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames.SettingsFrame(0).serialize()


def encoded_request():
    """The block of headers of a request, which refers to no other."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    client.initiate_connection()
    client.data_to_send()
    named = {b":method": b"POST", b":scheme": b"http", b":authority": b"localhost", b":path": b"/echo"}
    client.encoder.header_table_size = 0
    client.send_headers(1, list(named.items()))
    # Without the frame's own nine bytes.
    return client.data_to_send()[9:]


REQUEST = encoded_request()


def rapid_resets(count):
    """Requests that are taken back at once."""
    for stream_id in range(1, 2 * count, 2):
        yield frames.HeadersFrame(stream_id, data=REQUEST, flags=["END_HEADERS"]).serialize()
        yield frames.RstStreamFrame(stream_id, error_code=8).serialize()


def repeated(frame):
    """The same frame again and again."""
    return lambda count: (frame.serialize() for _ in range(count))


def continued(count):
    """A block of headers that does not end."""
    yield frames.HeadersFrame(1, data=REQUEST).serialize()
    for _ in range(count):
        yield frames.ContinuationFrame(1, data=b"\x40\x01x\x01y").serialize()


def empty_bodies(count):
    """A body of nothing, in pieces."""
    yield frames.HeadersFrame(1, data=REQUEST, flags=["END_HEADERS"]).serialize()
    for _ in range(count):
        yield frames.DataFrame(1).serialize()


FLOODS = {
    "rapid reset": rapid_resets,
    "CONTINUATION": continued,
    "SETTINGS": repeated(frames.SettingsFrame(0, settings={4: 65535})),
    "PING": repeated(frames.PingFrame(0, opaque_data=b"12345678")),
    "PRIORITY": repeated(frames.PriorityFrame(7, depends_on=0, stream_weight=1)),
    "WINDOW_UPDATE": repeated(frames.WindowUpdateFrame(0, window_increment=1)),
    "empty DATA": empty_bodies,
}


async def flood(port, frames_left, make):
    """Send frames until the server closes the connection; return how many were sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent, is_closed = 0, asyncio.create_task(read_to_end(reader))
    with contextlib.suppress(ConnectionError):
        writer.write(PREFACE)
        for frame in make(frames_left):
            writer.write(frame)
            sent += 1
            if sent % 100 == 0:
                await writer.drain()
                if is_closed.done():
                    break
    await asyncio.wait_for(is_closed, 30)
    await leave(writer)
    return sent


@pytest.mark.row("http2-floods")
@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_ends_its_connection_and_harms_nobody(edge, length, figures, kind):
    # So long that no timeout does what the count of frames has to.
    served = edge(header_timeout_s=120, keep_alive_s=120)
    (pid,) = served.processes("jubako-api")
    left, each, connections = int(length(20_000, 1_000_000)), int(length(10_000, 100_000)), 0
    before_kib = resident_kib(pid)

    async def attack():
        nonlocal left, connections
        calm = await undisturbed(served.port)
        async with beside(served.port) as other:
            # As much as is in the buffers of both sides when the server closes is sent, and not read.
            while left > 0:
                left -= await flood(served.port, each, FLOODS[kind])
                connections += 1
        return calm, other

    calm, other = asyncio.run(attack())
    growth_kib = resident_kib(pid) - before_kib
    assert growth_kib < 32 * 1024
    assert other.percentile_ms(50) < 1000
    assert "Traceback" not in served.text
    figures(
        frames=f"{int(length(20_000, 1_000_000)):,}",
        connections_closed=connections,
        p99_ms=calm.percentile_ms(99),
        p99_during_ms=other.percentile_ms(99),
        max_during_ms=other.percentile_ms(100),
        rss_growth_mib=round(growth_kib / 1024, 1),
    )


@pytest.mark.row("slow-reader")
def test_http2_clients_that_grant_no_window_are_given_up_and_what_they_held_is_free(edge, length, figures):
    size, timeout_s = int(length(3_000_000, 50_000_000)), length(1, 10)
    served = edge(write_timeout_s=timeout_s, max_held_bytes=size * 6)
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    client.initiate_connection()
    body = str(size).encode()
    kinds = []

    async def attack():
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        # Twenty requests on one connection, of which each may send 64 KiB, and all together no more.
        for stream_id in range(1, 41, 2):
            named = {":method": "POST", ":scheme": "http", ":authority": "localhost", ":path": "/large"}
            client.send_headers(stream_id, [*named.items(), ("content-type", "application/json")])
            client.send_data(stream_id, body, end_stream=True)
        writer.write(client.data_to_send())
        received = bytearray()
        async with asyncio.timeout(timeout_s + 30):
            while kinds.count(frames.RstStreamFrame) < 5:
                received += await reader.read(65536)
                del kinds[:]
                at = 0
                while at + 9 <= len(received):
                    frame, frame_size = frames.Frame.parse_frame_header(memoryview(received[at : at + 9]))
                    kinds.append(type(frame))
                    at += 9 + frame_size
        # The connection lives on, for others of its streams.
        writer.write(frames.PingFrame(0, opaque_data=b"are you?").serialize())
        while b"are you?" not in received:
            data = await reader.read(65536)
            assert data
            received += data
        await leave(writer)

    asyncio.run(attack())
    status, answer = served.post("/large", str(size), "application/json")
    assert (status, len(answer)) == (200, size)
    figures(http2_reset=kinds.count(frames.RstStreamFrame))
