"""Clients that speak in bytes, and break off as real ones do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0

_STATUS = re.compile(rb"(?:^|(?<=\n)|(?<=\})|(?<=\]))HTTP/1\.1 (\d{3})")


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    """The head of a request, with a Host and what else is given."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: localhost", *lines, "", ""]).encode("latin-1")


def connect(port: int) -> socket.socket:
    """Connect, with a bound on everything that follows."""
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def reset(connection: socket.socket) -> None:
    """Leave without a goodbye: the server is sent a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def exchange(port: int, *pieces: bytes) -> bytes:
    """Send bytes, one piece after the other, and return all that comes until the server closes the connection."""
    received = bytearray()
    with contextlib.closing(connect(port)) as connection, contextlib.suppress(ConnectionError):
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        while data := connection.recv(65536):
            received += data
    return bytes(received)


def statuses(raw: bytes) -> list[int]:
    """The status of every answer in what came over a connection; bodies must not hold another one."""
    return [int(status) for status in _STATUS.findall(raw)]


@attrs.define
class Beside:
    """What another client got while an attack went on.

    Attributes:
        answers: status and milliseconds of each request, once the block has ended.
    """

    answers: list[tuple[int, float]] = attrs.field(factory=list)

    def percentile_ms(self, percent: float) -> float:
        """How many milliseconds at most this share of the requests took, all of which have to be answered."""
        assert self.answers
        assert {status for status, _ in self.answers} == {200}
        took = sorted(took_ms for _, took_ms in self.answers)
        return round(took[min(len(took) - 1, int(len(took) * percent / 100))], 1)


@contextlib.asynccontextmanager
async def beside(port: int) -> AsyncIterator[Beside]:
    """Have a client in another process ask, 50 times a second, for as long as the block takes."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "tests.faults.edge.probe", str(port)]
    probe = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT)
    seen = Beside()
    try:
        yield seen
        async with asyncio.timeout(PATIENCE_S):
            output, _ = await probe.communicate(b"")
        seen.answers = [tuple(answer) for answer in json.loads(output)]
    finally:
        if probe.returncode is None:
            probe.kill()
            await probe.wait()


async def undisturbed(port: int) -> Beside:
    """What such a client gets while nothing else goes on."""
    async with beside(port) as seen:
        await asyncio.sleep(1.5)
    return seen


async def repeat(callers: int, until_s: float, deed: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have so many callers do something at once, each again and again until the time is up, and at least once."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + until_s

    async def call() -> None:
        while True:
            await deed()
            if loop.time() >= end_s:
                return

    await asyncio.gather(*(call() for _ in range(callers)))


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes the connection, in order or not."""
    received = bytearray()
    async with asyncio.timeout(PATIENCE_S * 4):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                received += data
    return bytes(received)


async def leave(writer: asyncio.StreamWriter) -> None:
    """Close a connection at once, whatever waits to be sent."""
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
