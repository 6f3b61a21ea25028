from __future__ import annotations

import asyncio
import threading

from jubako.dispatch.compute import ComputeThread


async def test_users_of_one_thread_who_always_have_work_take_turns():
    thread = ComputeThread("test", asyncio.get_running_loop())
    ran = []
    done = asyncio.Event()

    def greedy(name):
        def fill():
            while thread.has_room and len(ran) < 60:
                thread.submit(lambda: ran.append(name), lambda _: len(ran) < 60 or done.set())

        return fill

    fills = [greedy(name) for name in "abc"]
    for fill in fills:
        thread.when_room(fill)
    fills[0]()
    async with asyncio.timeout(60):
        await done.wait()
    thread.stop()
    assert {ran[6:].count(name) for name in "abc"} <= set(range(16, 21))


async def test_what_is_alone_leaves_no_room_until_it_has_ended():
    thread = ComputeThread("test", asyncio.get_running_loop())
    gate, done = threading.Event(), asyncio.Event()
    thread.submit(lambda: gate.wait(60), lambda _: done.set(), is_alone=True)
    assert not thread.has_room
    gate.set()
    async with asyncio.timeout(60):
        await done.wait()
    assert thread.has_room
    assert thread.is_idle
    thread.stop()
