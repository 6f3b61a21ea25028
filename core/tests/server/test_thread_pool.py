"""Threads for functions that block: bounds, withdrawal, and what stays counted."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import weakref

import pytest

from jubako.errors import InternalServerError, TooManyRequests
from jubako.server.thread_pool import ThreadPool


@pytest.fixture
def pool():
    pool = ThreadPool("test", threads=2, waiting=1)
    yield pool
    pool.close()


class Gate:
    """A function that waits to be let through, and tells how many calls are inside."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, value=None):
        self.entered.release()
        assert self.opened.wait(60)
        return value

    async def has_been_entered(self) -> None:
        assert await asyncio.to_thread(self.entered.acquire, timeout=60)


async def test_a_function_runs_in_a_thread_with_the_callers_context(pool):
    variable = contextvars.ContextVar("variable")
    variable.set("mine")
    assert await pool.run(lambda: (variable.get(), threading.current_thread().daemon)) == ("mine", True)
    assert await pool.run(max, 3, 5) == 5


async def test_an_error_is_raised_where_the_caller_waits(pool):
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 / 0)


async def test_a_function_that_exits_costs_its_own_call_only(pool):
    with pytest.raises(InternalServerError, match="SystemExit"):
        await pool.run(sys.exit, 3)
    assert await pool.run(max, 3, 5) == 5


async def test_one_call_more_than_may_wait_is_refused(pool):
    gate = Gate()
    calls = [asyncio.create_task(pool.run(gate, number)) for number in range(3)]
    await gate.has_been_entered()
    await gate.has_been_entered()
    with pytest.raises(TooManyRequests, match="3 calls are running or waiting for one of 2 threads"):
        await pool.run(gate)
    gate.opened.set()
    assert await asyncio.gather(*calls) == [0, 1, 2]
    assert await pool.run(gate, 7) == 7


async def test_a_call_that_is_withdrawn_while_it_waits_never_runs_and_frees_its_place(pool):
    gate = Gate()
    running = [asyncio.create_task(pool.run(gate, number)) for number in range(2)]
    await gate.has_been_entered()
    await gate.has_been_entered()
    ran = []
    waiting = asyncio.create_task(pool.run(ran.append, "withdrawn"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.abandoned == 0
    next_one = asyncio.create_task(pool.run(ran.append, "next"))
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(next_one, *running)
    assert ran == ["next"]


async def test_calls_that_were_withdrawn_leave_nothing_behind_while_every_thread_is_stuck(pool):
    class Body:
        """Stands for what a request has brought."""

    gate = Gate()
    running = [asyncio.create_task(pool.run(gate, number)) for number in range(2)]
    await gate.has_been_entered()
    await gate.has_been_entered()
    bodies = []
    for _ in range(20):
        body = Body()
        bodies.append(weakref.ref(body))
        waiting = asyncio.create_task(pool.run(id, body))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        del body, waiting
    gc.collect()
    assert [body() for body in bodies] == [None] * 20
    gate.opened.set()
    assert await asyncio.gather(*running) == [0, 1]


async def test_a_call_that_is_given_up_while_it_runs_counts_until_it_returns(pool):
    gate = Gate()
    for expected in (1, 2):
        call = asyncio.create_task(pool.run(gate))
        await gate.has_been_entered()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert pool.abandoned == expected
    assert pool.is_stuck
    waiting = asyncio.create_task(pool.run(max, 1, 2))
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await pool.run(max, 1, 2)
    gate.opened.set()
    assert await waiting == 2
    # Both threads meet here, so that both have returned from what was given up.
    meeting = threading.Barrier(2)
    await asyncio.gather(*(pool.run(meeting.wait, 60) for _ in range(2)))
    assert pool.abandoned == 0
    assert not pool.is_stuck


async def test_every_call_gets_its_own_answer_under_load():
    pool = ThreadPool("load", threads=4, waiting=500)
    answers = await asyncio.gather(*(pool.run(lambda number=number: number * 2) for number in range(500)))
    pool.close()
    assert answers == [number * 2 for number in range(500)]


async def test_what_goes_on_waits_however_many_wait_and_what_is_posted_runs_with_nobody_waiting(pool):
    gate, has_run = Gate(), threading.Event()
    blocking = [asyncio.create_task(pool.run(gate, n)) for n in range(3)]
    await gate.has_been_entered()
    await gate.has_been_entered()
    with pytest.raises(TooManyRequests):
        await pool.run(gate)
    going_on = asyncio.create_task(pool.go_on(gate, "went on"))
    pool.post(has_run.set)
    await asyncio.sleep(0)
    gate.opened.set()
    assert await asyncio.wait_for(going_on, 60) == "went on"
    assert await asyncio.gather(*blocking) == [0, 1, 2]
    assert await asyncio.to_thread(has_run.wait, 60)


async def test_what_is_posted_and_fails_costs_nobody_anything(pool):
    pool.post(int, "no number")
    assert await pool.run(lambda: 1) == 1
