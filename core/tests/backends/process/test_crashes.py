from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from jubako.errors import DeadlineExceeded, RunnerFailed, ServiceUnavailable
from jubako.runners import call_deadline

GATED = "crash_runners:Gated"
ONCE = "crash_runners:Once"


def start_calls(runner, values):
    return [asyncio.ensure_future(runner.async_run(np.array([float(value)]))) for value in values]


async def outcomes(calls):
    return await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60)


def negated(values):
    return [-float(value) for value in values]


async def test_no_call_is_lost_when_a_lone_replica_is_killed_in_the_middle_of_a_batch(replicas, crash_runners):
    (replica,) = replicas.start(GATED)
    runner = crash_runners.Gated()
    backend = await replicas.serve(runner)
    replicas.close_gate()
    calls = start_calls(runner, range(300))
    await replicas.begun()
    replica.kill()
    replicas.open_gate()
    replica.start()
    assert [answer[0] for answer in await outcomes(calls)] == negated(range(300))
    assert backend.statuses()[0].is_ready


async def test_no_call_is_lost_when_a_replica_is_killed_that_has_begun_two_batches(replicas, crash_runners):
    (replica,) = replicas.start("crash_runners:Overlapping")
    runner = crash_runners.Overlapping()
    await replicas.serve(runner)
    replicas.close_gate()
    calls = start_calls(runner, range(300))
    await replicas.begun()
    replica.kill()
    replicas.open_gate()
    replica.start()
    assert [answer[0] for answer in await outcomes(calls)] == negated(range(300))


async def test_a_call_that_kills_two_replicas_while_it_is_waited_for_fails_alone(replicas, crash_runners):
    (replica,) = replicas.start("crash_runners:Overlapping")
    replicas.keep_replacing(replica)
    runner = crash_runners.Overlapping()
    await replicas.serve(runner)
    calls = start_calls(runner, [1, crash_runners.DEADLY, 3])
    answers = await outcomes(calls)
    assert isinstance(answers[1], RunnerFailed)
    assert [answers[0][0], answers[2][0]] == [-1.0, -3.0]


async def test_what_was_computed_when_the_replica_died_is_computed_again_alone_and_the_rest_together(
    replicas, crash_runners
):
    (replica,) = replicas.start(GATED, max_batch_size=16)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    replicas.close_gate()
    calls = start_calls(runner, range(48))
    await replicas.begun()
    replica.kill()
    begun = len(replicas.batches())
    replicas.open_gate()
    replica.start()
    await outcomes(calls)
    batches = replicas.batches()[begun:]
    alone = [batch[0] for batch in batches if len(batch) == 1]
    # One batch was computed and at most one more taken up.
    assert 16 <= len(alone) <= 32
    assert alone[:16] == [float(value) for value in range(16)]
    assert sorted(value for batch in batches for value in batch) == [float(value) for value in range(48)]
    # How many fit beside those that are sent alone depends on who is faster.
    assert 1 < max(map(len, batches)) <= 16


async def test_the_other_replica_takes_over(replicas, crash_runners):
    first, _second = replicas.start(GATED, 2)
    runner = crash_runners.Gated()
    backend = await replicas.serve(runner)
    replicas.close_gate()
    calls = start_calls(runner, range(600))
    await replicas.begun(2)
    first.kill()
    replicas.open_gate()
    assert [answer[0] for answer in await outcomes(calls)] == negated(range(600))
    assert backend.statuses()[0].is_ready


async def test_a_call_that_kills_two_replicas_fails_and_takes_nobody_along(replicas, crash_runners):
    (replica,) = replicas.start(GATED)
    replicas.keep_replacing(replica)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    values = [*range(20), crash_runners.DEADLY, *range(20, 40)]
    answers = await outcomes(start_calls(runner, values))
    deadly = answers.pop(20)
    assert type(deadly) is RunnerFailed
    assert "two replicas of runner 'Gated' died while they computed the call" in str(deadly)
    assert [answer[0] for answer in answers] == negated(range(40))
    assert (await runner.async_run(np.array([5.0])))[0] == -5.0


async def test_a_call_that_must_not_be_computed_twice_is_not(replicas, crash_runners):
    (replica,) = replicas.start(ONCE)
    runner = crash_runners.Once()
    await replicas.serve(runner)
    replicas.close_gate()
    calls = start_calls(runner, range(4))
    await replicas.begun()
    replica.kill()
    replicas.open_gate()
    for answer in await outcomes(calls):
        assert type(answer) is ServiceUnavailable
        assert "not idempotent" in answer.why
    assert replicas.batches() == [[0.0, 1.0, 2.0, 3.0]]
    replica.start()
    assert (await runner.async_run(np.array([5.0])))[0] == -5.0


async def test_a_call_waits_for_the_next_replica_as_long_as_its_deadline(replicas, crash_runners, wait_until):
    (replica,) = replicas.start(GATED)
    runner = crash_runners.Gated()
    backend = await replicas.serve(runner)
    replica.kill()
    await wait_until(lambda: not backend.statuses()[0].is_ready, "the loss")
    assert backend.statuses()[0].reason == "no replica is connected"
    token = call_deadline.set(time.monotonic() + 0.1)
    with pytest.raises(DeadlineExceeded):
        await runner.async_run(np.ones(1))
    call_deadline.reset(token)
    (patient,) = start_calls(runner, [3])
    replica.start()
    assert (await asyncio.wait_for(patient, 60))[0] == -3.0


async def test_calls_are_refused_while_no_replica_is_being_started(replicas, crash_runners, wait_until):
    (replica,) = replicas.start(GATED)
    runner = crash_runners.Gated()
    backend = await replicas.serve(runner)
    backend.set_runner_state("Gated", False, "it died five times in a row")
    # As long as there is a replica, it serves.
    assert (await runner.async_run(np.ones(1)))[0] == -1.0
    backend.set_runner_state("Gated", True)
    replica.kill()
    await wait_until(lambda: not backend.statuses()[0].is_ready, "the loss")
    (waiting,) = start_calls(runner, [1])
    await asyncio.sleep(0)
    backend.set_runner_state("Gated", False, "it died five times in a row")
    for call in (waiting, runner.async_run(np.ones(1))):
        with pytest.raises(ServiceUnavailable, match="no replica of runner 'Gated' can be started") as caught:
            await call
        assert (caught.value.why, caught.value.retry_after_s) == ("it died five times in a row", 30.0)
    # It would keep the loop until its deadline.
    with pytest.raises(ServiceUnavailable, match="no replica of runner 'Gated' can be started"):
        runner.run(np.ones(1))
    assert backend.statuses()[0].reason == "it died five times in a row"
    backend.set_runner_state("Gated", True)
    (patient,) = start_calls(runner, [2])
    replica.start()
    assert (await asyncio.wait_for(patient, 60))[0] == -2.0


async def test_a_start_that_is_given_up_says_why(replicas, crash_runners):
    (replica,) = replicas.start(GATED)
    replica.kill()
    backend = replicas.make_backend()
    starting = asyncio.ensure_future(backend.start([crash_runners.Gated()]))
    await asyncio.sleep(0)
    backend.set_runner_state("Gated", False, "no room for the model")
    with pytest.raises(RunnerFailed, match="no room for the model"):
        await asyncio.wait_for(starting, 60)
    assert backend.statuses() == ()


async def test_a_backend_that_joins_a_server_starts_without_a_replica_and_refuses_calls(replicas, crash_runners):
    (replica,) = replicas.start(GATED)
    replica.kill()
    backend = replicas.make_backend(is_optional=True)
    backend.set_runner_state("Gated", False, "no room for the model")
    runner = crash_runners.Gated()
    await asyncio.wait_for(backend.start([runner]), 60)
    assert [(status.is_ready, status.reason) for status in backend.statuses()] == [(False, "no room for the model")]
    with pytest.raises(ServiceUnavailable, match="no room for the model"):
        await runner.async_run(np.ones(1))
    replica.start()
    backend.set_runner_state("Gated", True)
    assert (await asyncio.wait_for(runner.async_run(np.array([2.0])), 60))[0] == -2.0


async def test_a_backend_that_joins_a_server_lets_calls_wait_for_a_replica_that_is_being_started(
    replicas, crash_runners
):
    (replica,) = replicas.start(GATED)
    replica.kill()
    backend = replicas.make_backend(is_optional=True)
    runner = crash_runners.Gated()
    await asyncio.wait_for(backend.start([runner]), 60)
    calling = asyncio.ensure_future(runner.async_run(np.array([2.0])))
    replica.start()
    assert (await asyncio.wait_for(calling, 60))[0] == -2.0


async def test_a_sync_call_on_the_loop_that_waits_for_a_replica_is_refused_when_the_tries_are_given_up(
    replicas, crash_runners
):
    (replica,) = replicas.start(GATED)
    runner = crash_runners.Gated()
    backend = await replicas.serve(runner)
    replica.kill()
    telling = threading.Timer(0.5, backend.note_runner_state, ("Gated", False, "no room for the model"))
    telling.start()
    with pytest.raises(ServiceUnavailable, match="no room for the model") as caught:
        runner.run(np.ones(1))
    assert caught.value.retry_after_s == 30.0
    telling.join()


async def test_a_sync_call_on_the_loop_survives_a_replica_that_dies(replicas, crash_runners):
    (replica,) = replicas.start(GATED)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    replicas.close_gate()

    def replace():
        while not replicas.batches():
            time.sleep(0.005)
        replica.kill()
        replicas.open_gate()
        replica.start()

    replacing = asyncio.ensure_future(asyncio.to_thread(replace))
    await asyncio.sleep(0)
    assert runner.run(np.ones(1))[0] == -1.0
    await replacing


async def test_a_sync_call_on_the_loop_that_kills_two_replicas_fails(replicas, crash_runners):
    first, second = replicas.start(GATED, 2)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    with pytest.raises(RunnerFailed, match="two replicas"):
        runner.run(np.array([crash_runners.DEADLY]))
    assert (first.process.wait(60), second.process.wait(60)) == (-9, -9)


async def test_a_sync_call_on_the_loop_ends_at_its_deadline(replicas, crash_runners):
    replicas.start(GATED)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    replicas.close_gate()
    token = call_deadline.set(time.monotonic() + 0.3)
    with pytest.raises(DeadlineExceeded):
        runner.run(np.ones(1))
    call_deadline.reset(token)
    replicas.open_gate()
    assert runner.run(np.full(1, 2.0))[0] == -2.0


async def test_calls_go_on_through_one_kill_after_another(replicas, crash_runners, wait_until):
    first, second = replicas.start(GATED, 2)
    for replica in (first, second):
        replicas.keep_replacing(replica)
    runner = crash_runners.Gated()
    await replicas.serve(runner)
    stop = asyncio.Event()
    answered = []

    async def caller(offset):
        value = offset
        while not stop.is_set():
            answered.append((value, (await runner.async_run(np.array([float(value)])))[0]))
            value += 100

    callers = [asyncio.ensure_future(caller(offset)) for offset in range(20)]
    for round_number in range(4):
        count = len(answered)
        replica = (first, second)[round_number % 2]
        await wait_until(lambda count=count: len(answered) >= count + 200, "200 answers")
        process = replica.process
        process.kill()
        await asyncio.to_thread(process.wait)
    stop.set()
    await asyncio.wait_for(asyncio.gather(*callers), 60)
    assert all(answer == -value for value, answer in answered)


async def test_one_replica_is_enough_to_start(replicas, crash_runners):
    _first, second = replicas.start(GATED, 2)
    replicas.open_gate()
    second.kill()
    runner = crash_runners.Gated()
    backend = replicas.make_backend()
    await asyncio.wait_for(backend.start([runner]), 60)
    assert backend.statuses()[0].is_ready
    assert (await runner.async_run(np.array([1.0])))[0] == -1.0
