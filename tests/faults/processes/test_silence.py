"""A replica that the system has stopped."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.faults.processes.faulty_client import exits, said, under_load


@pytest.mark.row("silent-replica")
def test_a_stopped_replica_gets_no_new_work_and_is_killed_when_its_calls_are_late(serving, length, figures):
    served = serving(replicas=2)
    (stopped, _) = served.pids("jubako-replica")
    deadline_s, stopped_at_s = 4, 1.0

    async def stop():
        await asyncio.sleep(stopped_at_s)
        served.signal(signal.SIGSTOP, stopped)

    load = asyncio.run(
        under_load(
            served, stop, rate=length(60, 200), seconds=length(6, 30), headers=(("x-request-timeout", str(deadline_s)),)
        )
    )
    # Only what it had begun waits, and no longer than its deadline; one batch at most.
    assert set(load.statuses) <= {200, 504}
    assert load.of(504).answers == tuple(
        each for each in load.answers if each.sent_s < stopped_at_s + 2.5 and each.status == 504
    )
    assert len(load.of(504).answers) <= 16
    # From two seconds on nobody waits for it; the rest is a machine that is busy.
    later = load.between(stopped_at_s + 2.5, load.seconds)
    assert later.statuses == {200: len(later.answers)}
    assert later.percentile_ms(100) < 1000 * deadline_s - 1000
    assert stopped not in {said(each)["pid"] for each in later.answers}
    served.wait_until(lambda: exits(served, "silent") == 1)
    served.replaced("jubako-replica", stopped)
    assert exits(served, "oom_suspect") == 0
    figures(lost=load.lost_of, p99_ms_later=later.percentile_ms(99), max_ms_later=later.percentile_ms(100))


@pytest.mark.row("silent-replica")
def test_a_replica_that_is_stopped_for_a_while_loses_nothing(serving, figures):
    served = serving()
    (replica,) = served.pids("jubako-replica")

    async def stop():
        await asyncio.sleep(0.5)
        served.signal(signal.SIGSTOP, replica)
        await asyncio.sleep(3)
        served.signal(signal.SIGCONT, replica)

    load = asyncio.run(under_load(served, stop, rate=40, seconds=5))
    assert load.statuses == {200: len(load.answers)}
    assert served.pids("jubako-replica") == [replica]
    figures(stopped_for_3_s_lost=load.lost_of)
