from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from jubako.contracts.backend import RunnerCall
from jubako.dispatch.caller import CallerQueue
from jubako.dispatch.compute import ComputeThread
from jubako.dispatch.handle import MethodQueue, QueueHandle
from jubako.dispatch.immediate import ImmediatePolicy
from jubako.dispatch.isolation import IsolatedBatch
from jubako.dispatch.lane import Lane
from jubako.dispatch.observing import BatchObservers
from jubako.errors import BatchTooLarge
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.runners import Runner
from jubako.runners.execution import Share, begin_calls, joiner_of
from jubako.values.resources import BatchOptions


class GatedRunner(Runner):
    """Returns its rows negated; each batch waits until the gate is open. Keeps the batches that it saw."""

    def __init__(self):
        super().__init__("gated")
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.batches = []
        self.fits = 10**9

    def open(self):
        self.gate.set()

    def _setup(self):
        pass

    def _run_batch(self, rows):
        self.batches.append(np.array(rows))
        self.entered.set()
        if not self.gate.wait(60):
            raise TimeoutError("the test forgot to open the gate")
        if len(rows) > self.fits:
            raise BatchTooLarge("no room")
        if rows.dtype.kind == "f" and np.isnan(rows).any():
            raise ValueError("not a number")
        return -rows


def joined(shares):
    return Share(np.concatenate([share.take() for share in shares]))


class Dispatch:
    """Both halves on the running loop, without a backend."""

    def __init__(self, runner, options, *, policy=ImmediatePolicy, lanes=1, observers=(), is_idempotent=True):
        table = PayloadTable(compose(candidates=()))
        loop = asyncio.get_running_loop()
        spec = runner.find_method("run", options)
        self.queue = CallerQueue(runner.name, options, is_idempotent=is_idempotent, observers=BatchObservers(observers))
        self.threads = []
        self.lanes = []
        for number in range(lanes):
            thread = ComputeThread(f"test-{number}", loop)
            self.threads.append(thread)
            lane = Lane(
                runner_name=runner.name,
                method="run",
                options=options,
                make_policy=policy,
                policy_name="the test's",
                compute=thread,
                batch=IsolatedBatch(
                    runner.name,
                    lambda calls: begin_calls(runner, spec, calls, table),
                    joined,
                    is_idempotent=is_idempotent,
                    wait=thread.wait_for,
                ),
            )
            lane.model_ready(joiner_of(runner, spec), runner.batch_profile("run"))
            self.lanes.append(lane)
            self.queue.add_replica(lane.open_line)
        self.handle = QueueHandle(
            runner_name=runner.name,
            loop=loop,
            methods={"run": MethodQueue(spec, self.queue)},
            options=options,
            table=table,
            run_past_queue=None,
        )

    def call(self, row, *, timeout_s=100.0, is_single=True):
        return self.handle.call(RunnerCall("run", (row,), {}, is_single, time.monotonic() + timeout_s))

    def start(self, row, **options):
        return asyncio.ensure_future(self.call(row, **options))

    def call_blocking(self, row, *, timeout_s=100.0):
        return self.handle.call_blocking(RunnerCall("run", (row,), {}, True, time.monotonic() + timeout_s))


@pytest.fixture(scope="session")
def halves():
    """The classes, for tests that make many of them."""
    return GatedRunner, Dispatch


@pytest.fixture
def runner():
    return GatedRunner()


@pytest.fixture
async def make_dispatch(runner):
    """Makes both halves for `runner`, which is opened in the end; options are those of BatchOptions."""
    made = []

    def make(*, policy=ImmediatePolicy, lanes=1, observers=(), is_idempotent=True, **options):
        halves = {"policy": policy, "lanes": lanes, "observers": observers, "is_idempotent": is_idempotent}
        made.append(Dispatch(runner, BatchOptions(**options), **halves))
        return made[-1]

    yield make
    runner.open()
    for dispatch in made:
        await dispatch.queue.drain()
        for thread in dispatch.threads:
            thread.stop()


@pytest.fixture
async def entered(runner):
    """Waits until the runner is in a batch, with the gate closed."""

    async def wait():
        assert await asyncio.to_thread(runner.entered.wait, 60)
        runner.entered.clear()

    return wait
