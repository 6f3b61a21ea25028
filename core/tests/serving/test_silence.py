"""When a replica that shows no sign of life is killed."""

from __future__ import annotations

import asyncio
import time

import pytest

from jubako.serving import silence
from jubako.serving.control import Silent
from jubako.serving.exits import Cause
from jubako.serving.silence import SilenceDesk


class Process:
    """What a desk sees of a process."""

    name = "replica 0 of runner 'r'"

    def __init__(self):
        self.ended = asyncio.get_running_loop().create_future()
        self.killed = asyncio.Event()

    def hear(self, take):
        self.say = take

    def kill(self, cause):
        assert cause is Cause.SILENT
        self.killed.set()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(silence, "_GRACE_S", 0.05)
    monkeypatch.setattr(silence, "_OTHERS_S", 0.1)


@pytest.fixture
async def replica():
    return Process()


@pytest.fixture
async def workers(replica):
    """Two API workers whose records the desk hears."""
    desk = SilenceDesk(lambda runner, index: replica if (runner, index) == ("r", 0) else None)
    made = [Process(), Process()]
    for worker in made:
        desk.attend(worker)
    return made


def silent(held_until_s):
    return Silent("r", 0, held_until_s)


async def test_it_is_killed_when_the_last_call_of_the_last_worker_is_late(workers, replica):
    until_s = time.monotonic() + 0.4
    workers[0].say(silent(0.0))
    workers[1].say(silent(until_s))
    await asyncio.wait_for(replica.killed.wait(), 60)
    assert time.monotonic() > until_s


async def test_one_that_holds_nothing_is_killed_when_every_worker_has_had_time_to_say_so(workers, replica):
    began_s = time.monotonic()
    workers[0].say(silent(0.0))
    await asyncio.wait_for(replica.killed.wait(), 60)
    assert time.monotonic() - began_s >= 0.1


async def test_one_that_is_heard_again_lives(workers, replica):
    workers[0].say(silent(0.0))
    workers[1].say(silent(0.0))
    workers[0].say(silent(None))
    workers[1].say(silent(None))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(replica.killed.wait(), 0.4)


async def test_what_a_worker_said_that_has_ended_counts_no_more(workers, replica):
    workers[0].say(silent(time.monotonic() + 1000))
    workers[1].say(silent(0.0))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(replica.killed.wait(), 0.3)
    workers[0].ended.set_result(9)
    await asyncio.wait_for(replica.killed.wait(), 60)


async def test_a_successor_is_not_killed_for_what_was_said_before(workers, replica):
    place = [replica]
    desk = SilenceDesk(lambda _runner, _index: place[0])
    worker = Process()
    desk.attend(worker)
    worker.say(silent(time.monotonic() + 1000))
    place[0] = successor = Process()
    worker.say(silent(0.0))
    await asyncio.wait_for(successor.killed.wait(), 60)
    assert not replica.killed.is_set()
    place[0] = None
    worker.say(silent(0.0))
