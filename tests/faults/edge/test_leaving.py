"""Clients that leave with a reset, in every phase of their request, while others share their batches."""

from __future__ import annotations

import asyncio
import json
import re
import time

import pytest

from tests.faults.edge.raw import connect, head, reset
from tests.faults.load import closed_loop

PHASES = ("accept", "header", "body", "queued", "batched", "running", "writing")

JSON = "content-type: application/json"

# The batch is computed for so long that a client can leave meanwhile.
COMPUTE_MS = 30


def post(path, body):
    return head(path, JSON, f"content-length: {len(body)}") + body.encode()


def leave_in(phase, port):
    """Begin a request, and break off."""
    connection = connect(port)
    match phase:
        case "header":
            connection.sendall(post("/double", "[1, 0]")[:30])
        case "body":
            connection.sendall(post("/double", "[1, 0]")[:-3])
        case "queued":
            # Behind a batch that is being computed, for which the mates see.
            connection.sendall(post("/double", "[1, 0]"))
        case "batched" | "running":
            connection.sendall(post("/double", f"[1, {COMPUTE_MS}]"))
            time.sleep(0.002 if phase == "batched" else COMPUTE_MS / 2000)
        case "writing":
            connection.sendall(post("/large", "3000000"))
            connection.recv(1000)
    reset(connection)


@pytest.mark.row("client-leaves")
@pytest.mark.parametrize("phase", PHASES)
def test_a_client_that_leaves_frees_its_place_and_its_mates_are_answered(edge, length, figures, phase):
    served = edge("process")
    count = int(length(40, 500))

    async def attack():
        loop = asyncio.get_running_loop()
        left = 0

        async def leave():
            nonlocal left
            while left < count:
                left += 1
                await loop.run_in_executor(None, leave_in, phase, served.port)

        mates = asyncio.create_task(
            closed_loop(
                served.port, "/double", lambda number: f"[{number}, {COMPUTE_MS / 3}]", callers=4, requests=count * 2
            )
        )
        await asyncio.gather(*(leave() for _ in range(4)))
        return await mates

    load = asyncio.run(attack())
    wrong = [answer for answer in load.answers if answer.status == 200 and json.loads(answer.body) != 2 * answer.number]
    assert not wrong
    assert load.statuses == {200: count * 2}
    began_s = time.monotonic()
    served.wait_until(lambda: gauges(served) == {"in_progress": 1.0, "queue": 0.0}, 10)
    figures(
        left=count,
        mates_lost=load.lost_of,
        mates_wrong=len(wrong),
        queue_gauge_0_after_s=round(time.monotonic() - began_s, 1),
        p99_ms=load.percentile_ms(99),
    )


def gauges(served):
    """Requests in progress, of which the one that asks is one, and rows that wait."""
    _, text = served.get("/metrics")
    found = {
        name: re.findall(rf"^jubako_{metric}\{{[^}}]*\}} ([0-9.e+-]+)$", text.decode(), re.MULTILINE)
        for name, metric in (("in_progress", "request_in_progress"), ("queue", "queue_rows"))
    }
    return {name: sum(map(float, values)) for name, values in found.items()}
