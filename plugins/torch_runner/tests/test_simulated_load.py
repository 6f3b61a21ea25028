"""Ten thousand calls through the real dispatcher, to a device that has memory for 37 rows and does not say so."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest
from serving_modules import Doubling

import jubako.torch
from jubako.backends.inline import open_backend
from jubako_torch_runner.devices.simulated import SimulatedDevice

pytestmark = pytest.mark.usefixtures("workspace")

_CALLS = 10_000
_CALLERS = 60


class _NoWaiting:
    """Time that is not waited for: this test is about answers, not about how soon they come."""

    time = 0.0

    def now(self):
        return self.time

    def wait_until(self, moment):
        self.time = max(self.time, moment)


@pytest.fixture
def served(workspace):
    """A runner on a simulated device; gives what a function of it returns, run while it is served."""

    def serve(device, use):
        runner = jubako.torch.load_runner(jubako.torch.save("doubling", Doubling(), init={}))
        runner.open_device = lambda placement: device

        async def run():
            backend = open_backend(workspace.composition, workspace.settings)
            await backend.start([runner])
            try:
                return await use(runner)
            finally:
                await backend.stop()

        return asyncio.run(run())

    return serve


@pytest.mark.slow
def test_no_call_is_lost_each_gets_its_own_answer_and_the_limit_is_found_within_a_few_batches(served):
    device = SimulatedDevice(clock=_NoWaiting())
    sizes = random.Random(7).choices(range(1, 65), k=_CALLS)
    refused_early: list[int] = []

    async def use(runner):
        numbers = iter(range(_CALLS))
        wrong: list[int] = []
        answered = 0

        async def caller():
            nonlocal answered
            for number in numbers:
                rows = np.arange(sizes[number] * 2, dtype=np.float32).reshape(-1, 2) + number
                answer = await runner.async_run_batch(rows)
                answered += 1
                if not np.array_equal(answer, rows * 2):
                    wrong.append(number)
                if answered == _CALLS // 20:
                    refused_early.append(device.activity.refused)

        await asyncio.gather(*(caller() for _ in range(_CALLERS)))
        return answered, wrong

    assert served(device, use) == (_CALLS, [])
    # Seven halvings find one of 128 sizes; two batches are begun at a time, so each may be refused twice.
    assert refused_early[0] <= 16
    # From then on a larger batch is tried now and then, more and more seldom, in case memory has become free.
    assert device.activity.refused <= 40
    assert device.activity.batches > 5_000
    assert device.activity.largest_rows == 37
