from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from jubako._origins import Origin, current_origins
from jubako.contracts.backend import RunnerCall
from jubako.errors import DeadlineExceeded, RunnerFailed, ServiceUnavailable
from jubako.runners import call_deadline

GATED = "crash_runners:Gated"


def start_calls(runner, values):
    return [asyncio.ensure_future(runner.async_run(np.array([float(value)]))) for value in values]


async def test_batches_do_not_shrink_with_the_number_of_workers(replicas, crash_runners):
    replicas.start(GATED, max_batch_size=64)
    runners = [crash_runners.Gated() for _ in range(4)]
    for runner in runners:
        await replicas.serve(runner)
    replicas.close_gate()
    first = start_calls(runners[0], [-1])
    await replicas.begun()
    calls = [
        call
        for number, runner in enumerate(runners)
        for call in start_calls(runner, range(number * 32, number * 32 + 32))
    ]
    await replicas.read()
    replicas.open_gate()
    answers = await asyncio.wait_for(asyncio.gather(*first, *calls), 60)
    assert [answer[0] for answer in answers] == [1.0, *(-float(value) for value in range(128))]
    # The one that was ready beside the first may have been taken up before all had come.
    sizes = [len(batch) for batch in replicas.batches()]
    assert sum(sizes) == 129
    assert max(sizes) == 64
    assert len(sizes) <= 5


async def test_calls_that_wait_at_the_replica_expire_and_are_not_computed(replicas, crash_runners):
    replicas.start(GATED, max_batch_size=4)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    replicas.close_gate()
    running = start_calls(runner, range(8))
    await replicas.begun()
    token = call_deadline.set(time.monotonic() + 0.2)
    late = start_calls(runner, [100, 101])
    call_deadline.reset(token)
    patient = start_calls(runner, [9])
    for call in late:
        with pytest.raises(DeadlineExceeded, match="was not answered within its deadline"):
            await call
    replicas.open_gate()
    await asyncio.wait_for(asyncio.gather(*running, *patient), 60)
    assert not {100.0, 101.0} & {value for batch in replicas.batches() for value in batch}


async def test_a_worker_whose_calls_are_all_late_learns_that_they_are_bound_to_be(replicas, crash_runners):
    replicas.start("crash_runners:Slow")
    runner = crash_runners.Slow()
    await replicas.serve(runner)
    reasons = []
    async with asyncio.timeout(60):
        while not reasons or "The model needs about 0." not in reasons[-1]:
            token = call_deadline.set(time.monotonic() + 0.05)
            (hopeless,) = start_calls(runner, [1])
            call_deadline.reset(token)
            with pytest.raises(DeadlineExceeded) as refused:
                await hopeless
            reasons.append(str(refused.value))
    assert "was not answered within its deadline" in reasons[0]


async def test_callers_that_leave_are_not_computed(replicas, crash_runners):
    replicas.start(GATED, max_batch_size=4)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    replicas.close_gate()
    running = start_calls(runner, range(8))
    await replicas.begun()
    leaving = start_calls(runner, range(50, 54))
    staying = start_calls(runner, [9])
    await replicas.read()
    for call in leaving:
        call.cancel()
    await replicas.read()
    replicas.open_gate()
    await asyncio.wait_for(asyncio.gather(*running, *staying), 60)
    assert not {50.0, 51.0, 52.0, 53.0} & {value for batch in replicas.batches() for value in batch}


async def test_a_worker_that_is_gone_takes_only_its_own_calls_along(replicas, crash_runners, wait_until):
    (replica,) = replicas.start(GATED, max_batch_size=4)
    here, there = crash_runners.Gated(), crash_runners.Gated()
    await replicas.serve(here)
    gone = await replicas.serve(there)
    replicas.close_gate()
    calls = start_calls(here, range(8))
    await replicas.begun()
    lost = start_calls(there, range(50, 60))
    more = start_calls(here, range(8, 12))
    await replicas.read()
    before = replica.sockets()
    for remote in gone._runners.values():
        for link in remote._links:
            await link.close()
    await wait_until(lambda: before is None or replica.sockets() < before, "that the replica has heard of it")
    replicas.open_gate()
    answers = await asyncio.wait_for(asyncio.gather(*calls, *more), 60)
    assert [answer[0] for answer in answers] == [-float(value) for value in range(12)]
    assert not [value for batch in replicas.batches() for value in batch if value >= 50]
    for call in lost:
        call.cancel()


async def test_large_arrays_go_both_ways_while_the_loop_turns(replicas, crash_runners):
    replicas.start("crash_runners:Big")
    runner = crash_runners.Big()
    await replicas.serve(runner)
    turns = 0
    is_done = False

    async def watch():
        nonlocal turns
        while not is_done:
            await asyncio.sleep(0)
            turns += 1

    watching = asyncio.ensure_future(watch())
    arrays = [np.full(2**21, float(number)) for number in range(8)]
    answers = await asyncio.wait_for(asyncio.gather(*(runner.async_run(array) for array in arrays)), 60)
    is_done = True
    await watching
    for array, answer in zip(arrays, answers, strict=True):
        np.testing.assert_array_equal(answer, array * 2)
    # 256 MiB in all. A stream that wrote or read whole frames in one turn would need a few turns an array.
    assert turns > 50 * len(arrays)


async def test_arguments_of_any_kind_and_the_request_arrive(replicas, crash_runners):
    replicas.start("crash_runners:Kinds")
    runner = crash_runners.Kinds()
    await replicas.serve(runner)
    token = current_origins.set((Origin("request-7", "00-abc-def-01"),))
    kinds, args, kwargs, origins = await runner.async_run(
        np.arange(3), (1, "two"), [b"x"], {"k": np.float32(1)}, 1.5, None, text="t", flag=True
    )
    current_origins.reset(token)
    assert kinds == ["ndarray", "tuple", "list", "dict", "float", "NoneType", "str", "bool"]
    assert args[1:3] == [(1, "two"), [b"x"]]
    assert kwargs == {"text": "t", "flag": True}
    assert origins == [("request-7", "00-abc-def-01")]


async def test_an_answer_of_a_class_that_is_not_here_costs_only_its_batch(replicas, crash_runners):
    replicas.start("crash_runners:OnlyHere")
    runner = crash_runners.OnlyHere()
    await replicas.serve(runner)
    with pytest.raises(RunnerFailed, match="cannot go from one process to the other"):
        await runner.async_run(-1)
    assert await runner.async_run(1) == 1


async def test_stopping_answers_what_is_queued_and_leaves_the_replica_alone(replicas, crash_runners):
    (replica,) = replicas.start(GATED, max_batch_size=8)
    runner = crash_runners.Gated()
    backend = await replicas.serve(runner)
    calls = start_calls(runner, range(100))
    await asyncio.sleep(0)
    await backend.stop()
    assert [(await call)[0] for call in calls] == [-float(value) for value in range(100)]
    other = crash_runners.Gated()
    await replicas.serve(other)
    assert (await other.async_run(np.ones(1)))[0] == -1.0
    assert replica.process.poll() is None


async def test_a_replica_that_is_told_to_stop_answers_first(replicas, crash_runners):
    (replica,) = replicas.start(GATED, max_batch_size=4)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    replicas.close_gate()
    calls = start_calls(runner, range(4))
    await replicas.begun()
    stopping = asyncio.ensure_future(asyncio.to_thread(replica.stop))
    await asyncio.sleep(0.05)
    replicas.open_gate()
    answers = await asyncio.wait_for(asyncio.gather(*calls), 60)
    assert [answer[0] for answer in answers] == [0.0, -1.0, -2.0, -3.0]
    assert await stopping == 0


async def test_a_stopping_backend_refuses_new_calls(replicas, crash_runners):
    replicas.start(GATED)
    runner = crash_runners.Gated()
    backend = await replicas.serve(runner)
    handle = backend.handle("Gated")
    await backend.stop()
    with pytest.raises(ServiceUnavailable, match="the server is stopping"):
        await handle.call(RunnerCall("run", (np.ones(1),), {}, True, time.monotonic() + 5))


async def test_other_threads_are_answered(replicas, crash_runners):
    replicas.start(GATED)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    answers = await asyncio.gather(*(asyncio.to_thread(runner.run, np.full(1, float(value))) for value in range(8)))
    assert [answer[0] for answer in answers] == [-float(value) for value in range(8)]
