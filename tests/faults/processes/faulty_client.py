"""How tests talk to the service `faulty`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

from tests.faults.load import Answer, Load, open_loop
from tests.faults.watched import Watched

COMPUTE, SLEEP = 0, 1
SEGFAULT, EXIT_AT_ONCE, EXIT, NO_MEMORY, NO_STACK, ABORT, KILL = -1, -2, -3, -4, -5, -6, -7
HOG, PRINT, PRINT_BINARY, THREADS, PROCESSES, FILES = -8, -9, -10, -11, -12, -13


def row(deed: int, argument: float) -> str:
    """The body that asks for a deed."""
    return json.dumps([deed, argument])


def ask(served: Watched, deed: int, argument: float = 0.0, **headers: str) -> tuple[int, dict]:
    """Ask for a deed on a connection of its own; return status and document."""
    status, body = served.post("/ask", row(deed, argument), "application/json", **headers)
    return status, json.loads(body)


async def ask_many(port: int, rows: list[tuple[int, float]], *, path: str = "/ask") -> list[tuple[int, object]]:
    """Ask for all at once, each on a connection of its own; status 0 stands for a connection that failed."""

    async def one(body: str) -> tuple[int, object]:
        load = await open_loop(port, path, body, rate=1.0, seconds=1.0, patience_s=100.0)
        (answer,) = load.answers
        return answer.status, json.loads(answer.body) if answer.body else None

    return await asyncio.gather(*(one(row(*each)) for each in rows))


def number_row(number: int) -> str:
    """The body of one request of a load."""
    return row(COMPUTE, number)


async def under_load(
    served: Watched,
    faults: Callable[[], Awaitable[None]],
    *,
    rate: float,
    seconds: float,
    headers: tuple[tuple[str, str], ...] = (),
) -> Load:
    """Ask at a rate while something is done to the server; every answer of 200 has to be right."""
    loading = asyncio.create_task(
        open_loop(served.port, "/ask", number_row, rate=rate, seconds=seconds, headers=headers)
    )
    await faults()
    load = await loading
    for answer in load.of(200).answers:
        assert said(answer)["value"] == 2 * answer.number
    return load


def said(answer: Answer) -> dict[str, float]:
    """The document of an answer of 200."""
    return json.loads(answer.body)


def seconds_until_new(load: Load, at_s: float, known: set[float]) -> float:
    """After a replica was killed at a time of a load: when the first process answered that is not known."""
    times = [
        answer.sent_s + answer.took_s
        for answer in load.of(200).answers
        if said(answer)["pid"] not in known and answer.sent_s + answer.took_s > at_s
    ]
    return min(times) - at_s


def exits(served: Watched, cause: str, role: str = "replica model") -> float:
    """How many processes of a role have ended for a cause, by the metrics."""
    pattern = rf'^jubako_process_exits_total{{cause="{cause}",role="{role}"}} (.*)$'
    found = re.search(pattern, served.get("/metrics")[1].decode(), re.MULTILINE)
    return float(found.group(1)) if found else 0.0
