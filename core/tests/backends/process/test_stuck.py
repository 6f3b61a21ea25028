from __future__ import annotations

import asyncio
import signal
import sys
import time

import numpy as np
import pytest

from jubako.errors import DeadlineExceeded
from jubako.runners import call_deadline


def start_call(runner, value, timeout_s):
    token = call_deadline.set(time.monotonic() + timeout_s)
    call = asyncio.ensure_future(runner.async_run(np.array([float(value)])))
    call_deadline.reset(token)
    return call


async def test_a_replica_that_hangs_beyond_every_deadline_is_replaced(replicas, crash_runners):
    (replica,) = replicas.start("crash_runners:Gated", max_batch_size=1)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    replicas.close_gate()
    late = start_call(runner, 1, 2)
    await replicas.begun()
    behind = start_call(runner, 2, 150)
    with pytest.raises(DeadlineExceeded):
        await late
    assert await asyncio.to_thread(replica.process.wait, 60) == 1
    replicas.open_gate()
    replica.start()
    assert (await asyncio.wait_for(behind, 60))[0] == -2.0


@pytest.mark.skipif(sys.platform != "linux", reason="calls the C library by no name")
async def test_a_replica_that_hangs_with_the_interpreters_lock_is_replaced(replicas, crash_runners):
    (replica,) = replicas.start("crash_runners:Stuck", max_batch_size=1)
    runner = crash_runners.Stuck()
    await replicas.serve(runner)
    late = start_call(runner, 13, 2)
    await replicas.begun()
    behind = start_call(runner, 2, 150)
    with pytest.raises(DeadlineExceeded):
        await late
    assert await asyncio.to_thread(replica.process.wait, 60) == 1
    replica.start()
    assert (await asyncio.wait_for(behind, 60))[0] == -2.0


async def test_a_silent_replica_gets_no_new_calls_until_it_is_heard_again(replicas, crash_runners, wait_until, caplog):
    first, second = replicas.start("crash_runners:Gated", 2)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    first.process.send_signal(signal.SIGSTOP)
    calls = [start_call(runner, value, 150) for value in range(2)]
    await wait_until(lambda: "shows no sign of life" in caplog.text, "the silence")
    rest = [start_call(runner, value, 150) for value in range(2, 50)]
    answers = await asyncio.wait_for(asyncio.gather(*rest), 60)
    assert [answer[0] for answer in answers] == [-float(value) for value in range(2, 50)]
    first.process.send_signal(signal.SIGCONT)
    assert [answer[0] for answer in await asyncio.wait_for(asyncio.gather(*calls), 60)] == [0.0, -1.0]
    second.kill()
    assert (await asyncio.wait_for(start_call(runner, 7, 150), 60))[0] == -7.0


async def test_calls_that_a_silent_replica_has_not_begun_are_sent_to_another(
    replicas, crash_runners, wait_until, caplog
):
    first, _ = replicas.start("crash_runners:Gated", 2)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    first.process.send_signal(signal.SIGSTOP)
    calls = [start_call(runner, value, 150) for value in range(10)]
    assert [result[0] for result in await asyncio.wait_for(asyncio.gather(*calls), 60)] == [
        -float(value) for value in range(10)
    ]
    first.process.send_signal(signal.SIGCONT)
    more = [start_call(runner, value, 150) for value in range(300)]
    assert [result[0] for result in await asyncio.wait_for(asyncio.gather(*more), 60)] == [
        -float(value) for value in range(300)
    ]


async def test_a_replica_that_falls_silent_with_calls_is_told_of_with_their_last_deadline(
    replicas, crash_runners, wait_until
):
    (replica,) = replicas.start("crash_runners:Gated", max_batch_size=1)
    told = []
    backend = replicas.make_backend(tell_silence=lambda index, held_until_s: told.append((index, held_until_s)))
    runner = crash_runners.Gated()
    await asyncio.wait_for(backend.start([runner]), 60)
    replicas.close_gate()
    from_s = time.monotonic()
    late = start_call(runner, 1, 3)
    to_s = time.monotonic()
    await replicas.begun()
    replica.process.send_signal(signal.SIGSTOP)
    with pytest.raises(DeadlineExceeded):
        await late
    await wait_until(lambda: len(told) == 2, "that nothing is held any more")
    assert from_s + 3 - 0.5 <= told[0][1] <= to_s + 3 + 0.5
    assert told[1] == (0, 0.0)
    replicas.open_gate()
    replica.process.send_signal(signal.SIGCONT)
    await wait_until(lambda: told[-1] == (0, None), "that it is heard again")
