"""kill -9 of every kind of process, while requests keep coming."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import signal
import socket
import time

import pytest

from tests.faults.processes.faulty_client import (
    ABORT,
    COMPUTE,
    EXIT_AT_ONCE,
    KILL,
    SEGFAULT,
    ask,
    ask_many,
    said,
    seconds_until_new,
    under_load,
)


def killing(served, name, every_s, until_s, *, killed):
    """A fault: kill one process whose name begins so, again and again, and note when."""

    async def kill():
        began_s = asyncio.get_running_loop().time()
        while (at_s := asyncio.get_running_loop().time() - began_s + every_s) < until_s:
            await asyncio.sleep(every_s)
            # Not one that was just started: whichever is killed has been at work.
            if pids := served.pids(name):
                killed.append((at_s, pids[0]))
                served.signal(signal.SIGKILL, pids[0])

    return kill


def recovery_s(load, killed):
    """The longest time until another replica answered than those that had answered before the kill."""
    found = []
    for at_s, _ in killed:
        known = {said(each)["pid"] for each in load.of(200).answers if each.sent_s + each.took_s <= at_s}
        found.append(seconds_until_new(load, at_s, known))
    return round(max(found), 2)


@pytest.mark.row("kill-replica")
def test_one_of_two_replicas_is_killed_again_and_again(serving, length, figures):
    served = serving(replicas=2)
    rate, seconds, every_s = length(80, 200), length(6, 60), length(1.5, 2)
    killed = []
    load = asyncio.run(
        under_load(
            served, killing(served, "jubako-replica", every_s, seconds - 1, killed=killed), rate=rate, seconds=seconds
        )
    )
    assert len(killed) >= 3
    assert load.statuses == {200: len(load.answers)}
    figures(
        lost=load.lost_of,
        kills=len(killed),
        rate=rate,
        p50_ms=load.percentile_ms(50),
        p99_ms=load.percentile_ms(99),
        max_ms=load.percentile_ms(100),
        recover_s=recovery_s(load, killed),
    )


@pytest.mark.row("kill-lone-replica")
def test_the_only_replica_is_killed_again_and_again(serving, length, figures):
    served = serving()
    rate, seconds, every_s = length(80, 200), length(7, 60), length(3, 5)
    killed = []
    load = asyncio.run(
        under_load(
            served, killing(served, "jubako-replica", every_s, seconds - 1, killed=killed), rate=rate, seconds=seconds
        )
    )
    assert killed
    assert load.statuses == {200: len(load.answers)}
    figures(
        lost=load.lost_of,
        kills=len(killed),
        rate=rate,
        p99_ms=load.percentile_ms(99),
        max_ms=load.percentile_ms(100),
        recover_s=recovery_s(load, killed),
    )


@pytest.mark.quick
@pytest.mark.row("deadly-row")
@pytest.mark.parametrize("deed", [SEGFAULT, EXIT_AT_ONCE, ABORT, KILL])
def test_a_row_that_kills_its_replica_loses_only_its_own_call(serving, figures, deed):
    served = serving()
    rows = [(COMPUTE, float(number)) for number in range(64)]
    rows[40] = (deed, 0.0)
    began = time.monotonic()
    answers = asyncio.run(ask_many(served.port, rows))
    figures(answered=f"{sum(status == 200 for status, _ in answers)} of 63", seconds=round(time.monotonic() - began, 2))
    status, problem = answers.pop(40)
    assert (status, problem["type"]) == (500, "urn:jubako:problem:internal-server-error")
    assert [status for status, _ in answers] == [200] * 63
    assert [document["value"] for _, document in answers] == [2.0 * number for number in range(64) if number != 40]
    deaths = [line for line in served.lines if "It is started again" in line]
    assert len(deaths) == 2, deaths


def killing_workers(served, every_s, until_s, *, killed):
    """A fault: kill one API worker after the other, the next when a successor serves."""
    known: set[int] = set()

    async def kill():
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while loop.time() - began_s + every_s < until_s:
            await asyncio.sleep(every_s)
            gone = min(served.pids("jubako-api"))
            known.update(served.pids("jubako-api"))
            served.signal(signal.SIGKILL, gone)
            killed.append((loop.time() - began_s, gone))
            await asyncio.to_thread(served.wait_until, lambda: successor_serves(served, known))

    return kill


def successor_serves(served, known):
    """Whether a worker answers that is not known; a connection may be refused its answer by the one that is killed."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(served, COMPUTE, 1)[1].get("api_pid") not in known
    return False


@pytest.mark.row("kill-worker")
def test_one_of_two_api_workers_is_killed_again_and_again(serving, length, figures):
    served = serving("--workers", "2")
    rate, seconds, every_s = length(60, 200), length(7, 60), length(2, 2)
    killed = []
    load = asyncio.run(
        under_load(served, killing_workers(served, every_s, seconds - 1, killed=killed), rate=rate, seconds=seconds)
    )
    # Connections of a process end with it: those in flight, and those that it had only just accepted.
    assert set(load.statuses) <= {200, 0}
    assert killed
    assert load.lost <= 20 * len(killed)
    figures(lost=load.lost_of, kills=len(killed), rate=rate, p99_ms=load.of(200).percentile_ms(99))


@pytest.mark.row("kill-supervisor")
def test_the_supervisor_is_killed(serving, folder, start, figures):
    served = serving("--workers", "2", replicas=2, ends=True)
    port = served.port
    asking = served.ask("/ask", "[1, 30]", "application/json")
    time.sleep(0.3)
    served.process.kill()
    served.process.wait()
    began = time.monotonic()
    served.wait_until(lambda: served.survivors() == [], within_s=2.0)
    figures(orphans_after_2_s=0, seconds=round(time.monotonic() - began, 2))
    assert isinstance(asking.answered(), Exception)
    socket.create_server(("127.0.0.1", port)).close()
    # What is left is a folder, for whoever is killed removes nothing; the next server does.
    (left,) = served.temporary.iterdir()
    following = start(ends=True)
    following.wait_until_ready()
    assert not left.exists()
    assert following.stop() == 0


@pytest.mark.row("kill-zygote")
def test_the_zygote_is_killed_and_then_a_replica(serving, length, figures):
    served = serving(replicas=2)
    rate, seconds = length(60, 200), length(6, 30)

    async def kill():
        for _ in range(2):
            await asyncio.sleep(1)
            served.signal(signal.SIGKILL, *served.pids("jubako-zygote"))
            served.signal(signal.SIGKILL, served.pids("jubako-replica")[0])
            await asyncio.sleep(1)

    load = asyncio.run(under_load(served, kill, rate=rate, seconds=seconds))
    assert load.statuses == {200: len(load.answers)}
    figures(lost=load.lost_of, rate=rate, p99_ms=load.percentile_ms(99), max_ms=load.percentile_ms(100))
