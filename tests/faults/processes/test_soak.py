"""Everything at once, for long."""

from __future__ import annotations

import asyncio
import random
import signal

import pytest

from tests.faults.load import open_loop
from tests.faults.processes.faulty_client import number_row, said
from tests.faults.state import descriptors_of, resident_kib


@pytest.mark.row("soak")
def test_mixed_faults_leave_memory_and_descriptors_flat(serving, length, figures, folder):
    served = serving("--workers", "2", replicas=2, JUBAKO_SERVER__LOGGING__ACCESS__ENABLED="false")
    rate, seconds = 50, length(14, 7200)
    chance = random.Random(7)
    done = []

    async def fault():
        name = chance.choice(["replica", "worker", "zygote", "stop", "reload", "broken"])
        done.append(name)
        match name:
            case "replica":
                served.signal(signal.SIGKILL, *served.pids("jubako-replica")[:1])
            case "worker":
                served.signal(signal.SIGKILL, *served.pids("jubako-api")[:1])
            case "zygote":
                served.signal(signal.SIGKILL, *served.pids("jubako-zygote"))
            case "stop":
                pids = served.pids("jubako-replica")[:1]
                served.signal(signal.SIGSTOP, *pids)
                await asyncio.sleep(0.5)
                served.signal(signal.SIGCONT, *pids)
            case "reload":
                served.process.send_signal(signal.SIGHUP)
            case "broken":
                (folder / "version").write_text("none")
                served.process.send_signal(signal.SIGHUP)
                await asyncio.sleep(1.5)
                (folder / "version").write_text("1")

    async def mixed():
        loop = asyncio.get_running_loop()
        until_s = loop.time() + seconds - 4
        while loop.time() < until_s:
            await asyncio.sleep(length(1.2, 5))
            await fault()

    async def both():
        loading = asyncio.create_task(
            open_loop(served.port, "/ask", number_row, rate=rate, seconds=seconds, patience_s=90)
        )
        await mixed()
        return await loading

    supervisor = served.process.pid
    before_kib, before = resident_kib(supervisor), descriptors_of(supervisor)
    load = asyncio.run(both())
    for answer in load.of(200).answers:
        assert said(answer)["value"] == 2 * answer.number
    # Connections of API workers that were killed; everything else is answered.
    assert set(load.statuses) <= {200, 0}
    assert load.lost <= 20 * done.count("worker")
    served.seconds_until_good()
    served.wait_until(lambda: descriptors_of(supervisor) == before)
    grown_kib = resident_kib(supervisor) - before_kib
    assert grown_kib < 16 * 1024
    figures(
        lost=load.lost_of,
        faults=len(done),
        supervisor_grew_kib=grown_kib,
        supervisor_grew_kib_per_10_000=round(grown_kib / len(load.answers) * 10_000) if seconds > 600 else "-",
        p99_ms=load.of(200).percentile_ms(99),
    )
