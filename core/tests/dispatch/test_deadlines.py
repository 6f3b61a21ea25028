from __future__ import annotations

import asyncio
import time

from jubako.dispatch.deadlines import Deadlines


class Watch:
    """Deadlines, the calls that are open, and which of them were told to be late."""

    def __init__(self):
        self.open = {}
        self.late = []
        self.told = asyncio.Event()
        self.deadlines = Deadlines(self.open, self.tell)

    def add(self, number, in_s):
        now_s = time.monotonic()
        self.open[number] = now_s + in_s
        self.deadlines.add(number, now_s + in_s, now_s)

    def tell(self, numbers):
        now_s = time.monotonic()
        assert all(self.open.pop(number) <= now_s for number in numbers)
        self.late += numbers
        self.told.set()

    async def until_late(self, count):
        async with asyncio.timeout(60):
            while len(self.late) < count:
                self.told.clear()
                await self.told.wait()


async def test_calls_are_late_in_the_order_of_their_deadlines_and_not_before():
    watch = Watch()
    for number, in_s in enumerate([0.03, 0.01, 60.0, 0.02, float("inf")]):
        watch.add(number, in_s)
    await watch.until_late(3)
    assert watch.late == [1, 3, 0]


async def test_calls_that_have_ended_are_not_late():
    watch = Watch()
    for number in range(10):
        watch.add(number, 0.01 + number / 1000)
    for number in range(0, 10, 2):
        del watch.open[number]
    await watch.until_late(5)
    assert watch.late == [1, 3, 5, 7, 9]


async def test_calls_that_end_in_time_are_forgotten_long_before_their_deadline():
    watch = Watch()
    for number in range(100_000):
        watch.add(number, 60.0)
        if number >= 100:
            del watch.open[number - 100]
    assert len(watch.deadlines._heap) < 1000
