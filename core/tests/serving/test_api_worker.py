"""What an API worker makes of what it is told."""

from __future__ import annotations

import asyncio

from jubako.serving import api_worker
from jubako.serving.api_worker import ApiWorker
from jubako.serving.control import Prepare, RunnerState, StartWorker, Warm
from jubako.settings import Settings


class Link:
    def __init__(self):
        self.warm = asyncio.Event()

    def send(self, record):
        if isinstance(record, Warm):
            self.warm.set()

    def deliver_to(self, _loop, receive, _overhear):
        self.receive = receive


class Told:
    """A backend that remembers what it is told of its runners."""

    def __init__(self):
        self.states = []

    def set_runner_state(self, name, is_serving, _reason):
        self.states.append((name, is_serving))


async def test_a_runner_that_breaks_while_the_application_starts_stays_broken(monkeypatch):
    link, told = Link(), Told()
    worker = ApiWorker(StartWorker(0, 1, "x:svc", "/", Settings(), ()), link)

    class Starting:
        registries = ()

        async def start(self):
            link.receive(RunnerState("r", is_serving=False))

    monkeypatch.setattr(api_worker, "make_application", lambda *_arguments, **_named: Starting())
    monkeypatch.setattr(worker, "_open_backend", lambda *_arguments: told)
    living = asyncio.ensure_future(worker._live(None, None, None))
    await asyncio.sleep(0)
    link.receive(RunnerState("r", is_serving=True))
    link.receive(Prepare())
    await asyncio.wait_for(link.warm.wait(), 60)
    living.cancel()
    assert told.states == [("r", True), ("r", False)]
