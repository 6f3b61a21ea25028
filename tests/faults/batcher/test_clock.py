"""The wall clock is set, and processes are suspended: nobody is refused or lost for it."""

from __future__ import annotations

import ast
import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.faults.load import Load, open_loop
from tests.faults.watched import Request

ASK = Request("/ask", "1")
ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
HOUR_S = 3600
RATE = 50.0


def with_clock(file: Path) -> dict[str, str]:
    """The environment in which a file says by how many seconds the wall clock is wrong."""
    settable = {"FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    if LIBRARIES:
        return {**settable, "LD_PRELOAD": str(LIBRARIES[0])}
    return {**settable, "PYTHONPATH": os.pathsep.join([str(HERE / "shifted_clock"), str(ROOT)])}


def set_clock(file: Path, shift_s: int) -> None:
    # Whole at once: a reader must not find it empty.
    whole = file.with_suffix(".new")
    whole.write_text(f"{shift_s:+d}")
    whole.replace(file)


@pytest.mark.row("clock-step")
def test_nobody_is_refused_when_the_clock_is_set(serve_here, length, figures, tmp_path):
    clock = tmp_path / "faketime_clock"
    set_clock(clock, 0)
    served = serve_here("paced", ASK, FAULTS_FIXED_S="0.01", **with_clock(clock))
    seconds = length(4.0, 30.0)

    async def play() -> Load:
        load = asyncio.create_task(open_loop(served.port, "/ask", str, rate=RATE, seconds=seconds))
        for shift_s in (HOUR_S, -HOUR_S, 0):
            await asyncio.sleep(seconds / 4)
            set_clock(clock, shift_s)
            # One at least is answered at that time, however long the load is held up by neighbours.
            assert (await asyncio.to_thread(served.post, ASK.path, ASK.body, ASK.media_type))[0] == 200
        return await load

    load = asyncio.run(play())
    assert load.statuses == {200: int(RATE * seconds)}, served.text[-2000:]
    means = "libfaketime" if LIBRARIES else "a patched clock"
    figures(**{f"set by 1 h, back 2 h, and right again ({means}): refused or lost": load.lost_of})
    # The clock was wrong indeed: lines are dated by it.
    dates = {line.partition('"time":"')[2][:13] for line in served.lines if '"event":"access"' in line}
    assert len(dates - {""}) >= 3, dates


@pytest.mark.parametrize("who", ["all", "jubako-api", "jubako-replica"])
@pytest.mark.row("clock-step")
def test_nobody_is_refused_when_processes_were_suspended(serve_here, length, figures, who):
    served = serve_here("paced", ASK, FAULTS_FIXED_S="0.01")
    stopped_s = length(3.0, 5.0)

    async def play() -> Load:
        load = asyncio.create_task(open_loop(served.port, "/ask", str, rate=RATE, seconds=stopped_s + 2.0))
        await asyncio.sleep(1.0)
        pids = [*served.processes("" if who == "all" else who), *([served.process.pid] if who == "all" else [])]
        assert pids
        served.signal(signal.SIGSTOP, *pids)
        await asyncio.sleep(stopped_s)
        served.signal(signal.SIGCONT, *pids)
        return await load

    load = asyncio.run(play())
    assert load.statuses == {200: int(RATE * (stopped_s + 2.0))}, (load.statuses, served.text[-3000:])
    figures(**{f"{who} suspended for {stopped_s:g} s: refused or lost": load.lost_of})


@pytest.mark.quick
@pytest.mark.row("clock-step")
def test_the_dispatcher_reads_no_wall_clock():
    read = []
    packages = ("dispatch", "runners", "backends")
    for path in [path for package in packages for path in (ROOT / "core/src/jubako" / package).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if name in ("time.time", "time.time_ns", "datetime.now", "datetime.datetime.now", "dt.datetime.now"):
                read.append(f"{path.name}:{node.lineno}")
    assert not read
