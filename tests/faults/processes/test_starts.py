"""Models that load late, never, or only sometimes."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.faults.processes.faulty_client import COMPUTE, ask, ask_many, exits, under_load


@pytest.mark.row("slow-start")
def test_a_model_that_never_loads_ends_the_start(start, folder, figures):
    (folder / "load").write_text("never")
    began = time.monotonic()
    served = start(JUBAKO_RUNNERS__START_TIMEOUT_S="15", ends=True)
    assert served.ended() == 1
    seconds = time.monotonic() - began
    assert "replica 0 of runner 'model' was not ready within 15 s." in served.text
    assert "Traceback" not in served.text
    figures(never_loads="exit code 1", limit_s=15, seconds=round(seconds, 1))


@pytest.mark.row("slow-start")
def test_a_model_that_loads_slowly_is_waited_for(start, folder, figures, length):
    load_s = length(3, 60)
    (folder / "load").write_text(f"slow {load_s}")
    began = time.monotonic()
    served = start()
    served.wait_until_ready()
    assert time.monotonic() - began > load_s
    figures(load_s=load_s, ready_after_s=round(time.monotonic() - began, 1))


@pytest.mark.row("slow-start")
def test_a_replica_that_loads_at_the_third_try_loses_no_call(serving, folder, figures):
    served = serving()
    (folder / "load").write_text("fail 2")
    (replica,) = served.pids("jubako-replica")

    async def kill():
        await asyncio.sleep(0.5)
        served.signal(signal.SIGKILL, replica)

    load = asyncio.run(under_load(served, kill, rate=40, seconds=4))
    assert load.statuses == {200: len(load.answers)}
    assert served.text.count("the weights are not there yet") >= 2
    figures(third_try_lost=load.lost_of, max_ms=load.percentile_ms(100))


@pytest.mark.row("crash-loop")
def test_a_model_that_dies_whenever_it_loads(serving, folder, figures):
    served = serving(
        JUBAKO_RUNNERS__RESTART_FIRST_S="0.1",
        JUBAKO_RUNNERS__RESTART_LONGEST_S="2",
        JUBAKO_RUNNERS__RESTART_ATTEMPTS="4",
    )
    (folder / "load").write_text("die")
    served.signal(signal.SIGKILL, *served.pids("jubako-replica"))
    waiting = asyncio.run(ask_many(served.port, [(COMPUTE, float(number)) for number in range(10)]))
    # They waited until it was plain that nothing comes.
    assert {(status, problem["type"]) for status, problem in waiting} == {
        (503, "urn:jubako:problem:service-unavailable")
    }
    began = time.monotonic()
    status, problem = ask(served, COMPUTE, 1)
    assert (status, time.monotonic() - began < 1) == (503, True), problem
    assert served.get("/readyz")[0] == 503
    assert served.get("/livez")[0] == served.get("/healthz")[0] == 200
    before, began = exits(served, "failed"), time.monotonic()
    served.wait_until(lambda: exits(served, "failed") >= before + 2)
    per_minute = 60 * 2 / (time.monotonic() - began)
    # Not more often than the longest wait allows, whatever the machine is busy with.
    assert per_minute <= 60
    (folder / "load").write_text("")
    figures(restarts_per_minute=round(per_minute), longest_wait_s=2, recover_s=round(served.seconds_until_good(), 2))
