"""How a place is filled when the system cannot start a process."""

from __future__ import annotations

import asyncio
import errno

import pytest

from jubako.serving.children import ProcessEnded
from jubako.serving.exits import Cause
from jubako.serving.restarts import RestartRule
from jubako.serving.slots import Slot

NO_MEMORY = OSError(errno.ENOMEM, "Cannot allocate memory")


class Process:
    cause = Cause.FAILED

    def __init__(self):
        self.ended = asyncio.get_running_loop().create_future()

    def kill(self):
        raise AssertionError("it is ready")


class Place(Slot):
    """Opens what it is given; errors are raised."""

    def __init__(self, *opened):
        super().__init__("the process", RestartRule(first_s=0.001))
        self._opened = list(opened)
        self.has_changed = asyncio.Event()

    def open(self):
        opened = self._opened.pop(0)
        if isinstance(opened, OSError):
            raise opened
        return opened

    async def bring_up(self, child):
        pass

    def changed(self):
        self.has_changed.set()


async def test_a_first_process_that_the_system_cannot_start_fails_the_start():
    place = Place(NO_MEMORY)
    await asyncio.wait_for(place.keep(), 60)
    with pytest.raises(ProcessEnded, match="the process could not be started") as raised:
        place.first.result()
    assert "Cannot allocate memory" in raised.value.why
    assert place.child is None


async def test_a_later_one_is_tried_again():
    before, after = Process(), Process()
    place = Place(before, NO_MEMORY, NO_MEMORY, after)
    keeping = asyncio.ensure_future(place.keep())
    await asyncio.wait_for(place.first, 60)
    before.ended.set_result(9)
    async with asyncio.timeout(60):
        while place.child is not after:
            place.has_changed.clear()
            await place.has_changed.wait()
    assert place.is_ready
    keeping.cancel()
