"""Streams of `jubako serve`, whose runners are processes of their own, over both versions of HTTP."""

from __future__ import annotations

import json
import os

import httpx
import pytest

from tests.harness.served import Served

PATIENCE_S = 60.0

SERVICE = """
import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import jubako
from jubako.io import JSON

class Doubler(jubako.Runner):
    def _setup(self):
        pass

    def _run_batch(self, rows):
        return rows * 2

doubler = Doubler()
svc = jubako.Service("streams", runners=[doubler])
marks = {name: asyncio.Event() for name in ("go on", "ended")}

@svc.api(output=JSON())
async def later(numbers: list[int]) -> AsyncIterator[list[int]]:
    for number in numbers:
        yield (await doubler.async_run(np.array([number]))).tolist()

@svc.api(output=JSON())
def now(numbers: list[int]) -> Iterator[list[int]]:
    for number in numbers:
        yield doubler.run(np.array([number])).tolist()

@svc.api(output=JSON())
async def wait() -> AsyncIterator[str]:
    try:
        yield "first"
        await marks["go on"].wait()
        marks["go on"].clear()
        yield "second"
        await asyncio.Event().wait()
    finally:
        marks["ended"].set()

@svc.api()
async def go_on() -> str:
    marks["go on"].set()
    return "yes"

@svc.api()
async def ended() -> str:
    await marks["ended"].wait()
    marks["ended"].clear()
    return "yes"
"""


@pytest.fixture(scope="module", params=["inline", "process"])
def port(request, tmp_path_factory):
    if request.param == "process" and not hasattr(os, "fork"):
        pytest.skip("the system has no fork")
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "service.py").write_text(SERVICE)
    served = Served(folder, "service.py:svc", "--backend", request.param)
    try:
        yield served.wait_until_ready()
        assert served.stop() == 0
        assert "Traceback" not in served.text
    finally:
        served.close()


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
def client(request, port):
    is_newer = request.param == "HTTP/2"
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", http1=not is_newer, http2=is_newer, timeout=PATIENCE_S
    ) as client:
        yield client


@pytest.mark.parametrize("path", ["/later", "/now"])
def test_items_that_runners_compute_arrive_one_by_one(client, path):
    answer = client.post(path, json=[1, 2, 3])
    assert answer.text == "[2]\n[4]\n[6]\n"
    events = client.post(path, json=[1, 2], headers={"accept": "text/event-stream"}).text.split("\n\n")
    assert [json.loads(event.removeprefix("data: ")) for event in events[:-1]] == [[2], [4]]


def test_an_item_arrives_before_the_next_is_computed_and_a_client_that_leaves_ends_the_function(client, port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as other:
        with client.stream("POST", "/wait") as answer:
            pieces = answer.iter_text()
            assert next(pieces) == '"first"\n'
            assert other.post("/go_on").text == "yes"
            assert next(pieces) == '"second"\n'
            client.close()
        assert other.post("/ended").text == "yes"
