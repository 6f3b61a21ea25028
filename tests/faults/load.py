"""Load on a server, from one event loop: what was lost, how long it took, what it was answered.

An open loop sends at its own pace, whatever comes back; a closed loop has so many callers, each of which asks again
when it is answered.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable

import attrs

_CLOSED = 0


@attrs.frozen
class Answer:
    """What one request got.

    Args:
        number: of the request, from 0.
        sent_s: when it was due, in seconds since the load began.
        took_s: until its answer was there, from when it was due; so a client that falls behind is not kinder.
        status: 0 if the connection failed without an answer.
        headers: lower-case.
        body: what came.
    """

    number: int
    sent_s: float
    took_s: float
    status: int
    headers: dict[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class Load:
    """All answers of a load, in the order in which they came.

    Args:
        answers: one for each request.
        seconds: how long all of it took.
    """

    answers: tuple[Answer, ...]
    seconds: float

    @property
    def statuses(self) -> Counter[int]:
        """How many answers of each status; 0 stands for connections that failed."""
        return Counter(answer.status for answer in self.answers)

    @property
    def lost(self) -> int:
        """How many requests got no answer, or one of 500 and more."""
        return sum(1 for answer in self.answers if answer.status == _CLOSED or answer.status >= 500)

    @property
    def lost_of(self) -> str:
        """The same, for a table."""
        return f"{self.lost:,} of {len(self.answers):,}"

    def of(self, *statuses: int) -> Load:
        """The answers of some statuses only."""
        return attrs.evolve(self, answers=tuple(answer for answer in self.answers if answer.status in statuses))

    def between(self, first_s: float, last_s: float) -> Load:
        """The answers to requests that were due in a part of the time only."""
        chosen = tuple(answer for answer in self.answers if first_s <= answer.sent_s < last_s)
        return Load(chosen, min(last_s, self.seconds) - first_s)

    def percentile_ms(self, percent: float) -> float:
        """How many milliseconds at most this share of the requests took; 100 asks for the slowest."""
        took = sorted(answer.took_s for answer in self.answers)
        assert took, "no request was answered"
        return round(took[min(len(took) - 1, int(len(took) * percent / 100))] * 1000, 1)


async def open_loop(
    port: int,
    path: str,
    body: str | Callable[[int], str],
    *,
    rate: float,
    seconds: float,
    media_type: str = "application/json",
    headers: Iterable[tuple[str, str]] = (),
    patience_s: float = 60.0,
) -> Load:
    """Send a request every 1/rate seconds, each on a connection that is free.

    Args:
        port: on 127.0.0.1.
        path: of the route.
        body: to post; a function is given the number of the request.
        rate: requests a second.
        seconds: how long requests are sent; the load ends when the last is answered.
        media_type: of the body.
        headers: further ones.
        patience_s: how long an answer is waited for.
    """
    client = _Client(port, path, body, media_type, headers, patience_s)
    loop = asyncio.get_running_loop()
    asking: list[asyncio.Task[None]] = []
    for number in range(int(rate * seconds)):
        due_s = number / rate
        wait_s = client.began_s + due_s - loop.time()
        # Not at every request: a loop that is behind has no time to sleep, and must read answers all the same.
        await asyncio.sleep(max(0.0, wait_s))
        asking.append(asyncio.create_task(client.ask(number, due_s)))
    await asyncio.gather(*asking)
    return client.close()


async def closed_loop(
    port: int,
    path: str,
    body: str | Callable[[int], str],
    *,
    callers: int,
    seconds: float | None = None,
    requests: int | None = None,
    media_type: str = "application/json",
    headers: Iterable[tuple[str, str]] = (),
    patience_s: float = 60.0,
) -> Load:
    """Have so many callers ask, each again when it is answered, until the time is up or so many requests are made.

    Args:
        port: see `open_loop`.
        path: see `open_loop`.
        body: see `open_loop`.
        callers: how many ask at once.
        seconds: how long they go on; None if `requests` says it.
        requests: how many are made at most.
        media_type: see `open_loop`.
        headers: see `open_loop`.
        patience_s: see `open_loop`.
    """
    client = _Client(port, path, body, media_type, headers, patience_s)
    loop = asyncio.get_running_loop()
    numbers = iter(range(requests)) if requests is not None else iter(range(1_000_000_000))

    async def call() -> None:
        for number in numbers:
            due_s = loop.time() - client.began_s
            if seconds is not None and due_s >= seconds:
                return
            await client.ask(number, due_s)

    await asyncio.gather(*(call() for _ in range(callers)))
    return client.close()


class _Client:
    """Connections that are kept, and what came over them."""

    def __init__(
        self,
        port: int,
        path: str,
        body: str | Callable[[int], str],
        media_type: str,
        headers: Iterable[tuple[str, str]],
        patience_s: float,
    ) -> None:
        self._port = port
        lines = [f"POST {path} HTTP/1.1", f"host: 127.0.0.1:{port}", f"content-type: {media_type}"]
        self._head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers), "content-length: "])
        self._body = body
        self._patience_s = patience_s
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._answers: list[Answer] = []
        self.began_s = asyncio.get_running_loop().time()

    async def ask(self, number: int, due_s: float) -> None:
        body = (self._body(number) if callable(self._body) else self._body).encode()
        status, headers, answer = _CLOSED, {}, b""
        connection = None
        try:
            async with asyncio.timeout(self._patience_s):
                connection = await self._connect()
                reader, writer = connection
                writer.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
                status, headers, answer = await _read(reader)
        except (OSError, EOFError, TimeoutError):
            if connection is not None:
                connection[1].close()
        else:
            if headers.get("connection") == "close":
                connection[1].close()
            else:
                self._free.append(connection)
        took_s = time.monotonic() - self.began_s - due_s
        self._answers.append(Answer(number, due_s, took_s, status, headers, answer))

    def close(self) -> Load:
        for _, writer in self._free:
            writer.close()
        return Load(tuple(self._answers), time.monotonic() - self.began_s)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._free:
            reader, writer = self._free.pop()
            # As every client does: what the server has closed meanwhile is not used again.
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(first.split(" ")[1]), headers, body
