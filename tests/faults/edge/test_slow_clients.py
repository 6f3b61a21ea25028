"""Clients that take their time: with headers, with bodies, with reading."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest

from tests.faults.edge.raw import beside, head, leave, read_to_end, repeat, statuses, undisturbed
from tests.faults.state import resident_kib


async def drip(port, data, pause_s):
    """Send bytes one by one until the server closes the connection; return how long that took and what came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began_s = time.monotonic()

    async def send():
        with contextlib.suppress(ConnectionError):
            for byte in data:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(pause_s)
            await asyncio.Event().wait()

    sending = asyncio.create_task(send())
    raw = await read_to_end(reader)
    took_s = time.monotonic() - began_s
    sending.cancel()
    await leave(writer)
    return took_s, raw


@pytest.mark.row("slow-headers")
@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 1000, b""], ids=["drip", "none"]
)
def test_headers_that_do_not_come_are_cut_in_time_and_harm_nobody(edge, length, figures, data):
    timeout_s, seconds = length(1, 5), length(2, 60)
    served = edge(header_timeout_s=timeout_s, max_connections=1024)
    took = []

    async def attack():
        calm = await undisturbed(served.port)
        async with beside(served.port) as other:

            async def attacker():
                took_s, raw = await drip(served.port, data, length(0.3, 2))
                took.append(took_s)
                assert raw == b""

            await repeat(500, seconds, attacker)
        return calm, other

    calm, other = asyncio.run(attack())
    assert max(took) < 2 * timeout_s + length(3, 0)
    figures(
        cut=f"{len(took):,} of {len(took):,}",
        longest_s=round(max(took), 1),
        p99_ms=calm.percentile_ms(99),
        p99_during_ms=other.percentile_ms(99),
        max_during_ms=other.percentile_ms(100),
    )


@pytest.mark.row("slow-body")
def test_bodies_that_come_slowly_are_answered_408_in_time_and_harm_nobody(edge, length, figures):
    timeout_s = length(1, 10)
    served = edge(body_timeout_s=timeout_s)
    took = []

    async def attack():
        calm = await undisturbed(served.port)
        async with beside(served.port) as other:

            async def attacker():
                reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
                writer.write(head("/echo", "content-type: application/json", "content-length: 100000"))
                began_s = time.monotonic()

                async def send():
                    with contextlib.suppress(ConnectionError):
                        while True:
                            writer.write(b"[" * 10)
                            await writer.drain()
                            await asyncio.sleep(0.1)

                sending = asyncio.create_task(send())
                assert statuses(await read_to_end(reader)) == [408]
                took.append(time.monotonic() - began_s)
                sending.cancel()
                await leave(writer)

            await asyncio.gather(*(attacker() for _ in range(200)))
        return calm, other

    calm, other = asyncio.run(attack())
    assert len(took) == 200
    # A second more until the connection is closed, for clients that read late.
    assert max(took) < timeout_s + 5
    figures(
        answered_408="200 of 200",
        longest_s=round(max(took), 1),
        p99_ms=calm.percentile_ms(99),
        p99_during_ms=other.percentile_ms(99),
        max_during_ms=other.percentile_ms(100),
    )


@pytest.mark.row("slow-reader")
def test_clients_that_hardly_read_are_cut_and_cost_no_more_memory_than_is_set(edge, length, figures):
    clients, size, timeout_s = int(length(20, 50)), int(length(10_000_000, 50_000_000)), length(1, 10)
    held = size * 6
    served = edge(write_timeout_s=timeout_s, max_held_bytes=held)
    (pid,) = served.processes("jubako-api")
    before_kib, peak_kib, seen = resident_kib(pid), 0, []

    async def attack():
        nonlocal peak_kib
        calm = await undisturbed(served.port)
        is_over = asyncio.Event()

        async def watch():
            nonlocal peak_kib
            while not is_over.is_set():
                peak_kib = max(peak_kib, resident_kib(pid))
                await asyncio.sleep(0.02)

        async def attacker():
            # As little as can be between the two, or the systems' buffers take the answer.
            raw = socket.create_connection(("127.0.0.1", served.port))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader, writer = await asyncio.open_connection(sock=raw, limit=512)
            body = str(size).encode()
            writer.write(head("/large", "content-type: application/json", f"content-length: {len(body)}") + body)
            try:
                first = await reader.readline()
                seen.append(int(first.split()[1]))
                with contextlib.suppress(ConnectionError):
                    while await reader.read(256):  # noqa: ASYNC110  # this pause is the attack
                        await asyncio.sleep(0.25)
            finally:
                await leave(writer)

        async with beside(served.port) as other:
            watching = asyncio.create_task(watch())
            attackers = [asyncio.create_task(attacker()) for _ in range(clients)]
            room_s = await wait_for_room(served, size)
            for task in attackers:
                task.cancel()
            await asyncio.gather(*attackers, return_exceptions=True)
            is_over.set()
            await watching
        return calm, other, room_s

    calm, other, room_s = asyncio.run(attack())
    assert set(seen) <= {200, 503}
    assert seen.count(200) >= 1
    assert seen.count(503) >= 1
    growth_kib = peak_kib - before_kib
    # What is held, once more while one answer is made, and what the systems' buffers and the allocator add.
    assert growth_kib * 1024 < held + 3 * size + 64_000_000
    figures(
        answers=f"{seen.count(200)} of {clients}, the others 503",
        room_again_s=round(room_s, 1),
        rss_growth_mib=growth_kib // 1024,
        held_limit_mib=held >> 20,
        p99_ms=calm.percentile_ms(99),
        p99_during_ms=other.percentile_ms(99),
    )


async def wait_for_room(served, size):
    """Ask until a client that reads gets the whole answer; return after how many seconds."""
    began_s = time.monotonic()
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(0.5)
        status, body = await loop.run_in_executor(None, served.post, "/large", str(size), "application/json")
        if status == 200:
            assert len(body) == size
            return time.monotonic() - began_s
        assert status == 503
