"""Models that crash, exit, run out of something, or leave things behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from tests.faults.processes.faulty_client import (
    ABORT,
    COMPUTE,
    EXIT,
    EXIT_AT_ONCE,
    FILES,
    HOG,
    KILL,
    NO_MEMORY,
    NO_STACK,
    PRINT,
    PRINT_BINARY,
    PROCESSES,
    SEGFAULT,
    THREADS,
    ask,
    ask_many,
    exits,
)

CGROUPS = Path("/sys/fs/cgroup")


@pytest.fixture
def cgroup(request, tmp_path_factory):
    """Return a function that makes a cgroup (version 1) with a limit, and puts processes into it."""
    made = []

    def limit(controller, name, value, *pids):
        folder = CGROUPS / controller / f"jubako-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError as error:
            pytest.skip(f"no cgroup of version 1 can be made here: {error}")
        made.append(folder)
        (folder / name).write_text(str(value))
        for pid in pids:
            (folder / "cgroup.procs").write_text(str(pid))
        return folder

    yield limit
    for folder in made:
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (folder.parent / "cgroup.procs").write_text(pid)
        with contextlib.suppress(OSError):
            folder.rmdir()


@pytest.mark.row("dying-model")
@pytest.mark.parametrize(
    ("deed", "deaths", "cause"),
    [
        (SEGFAULT, 2, "crashed"),
        (ABORT, 2, "crashed"),
        (EXIT_AT_ONCE, 2, "failed"),
        (EXIT, 0, ""),
        (NO_MEMORY, 0, ""),
        (NO_STACK, 0, ""),
    ],
)
def test_a_model_that_dies_of_one_row_fails_that_row(serving, figures, deed, deaths, cause):
    served = serving()
    rows = [(COMPUTE, float(number)) for number in range(20)]
    rows[7] = (deed, 0.0)
    answers = asyncio.run(ask_many(served.port, rows))
    assert [status for status, _ in answers] == [200] * 7 + [500] + [200] * 12
    assert served.text.count("It is started again") == deaths
    if cause:
        served.wait_until(lambda: exits(served, cause) == deaths)
    if cause == "crashed":
        # What the model did then.
        assert "Fatal Python error" in served.text
        assert "faulty.py" in served.text
    figures(deed=deed, answered=f"{sum(status == 200 for status, _ in answers)} of 19", deaths=deaths)


@pytest.mark.row("out-of-memory")
def test_the_system_kills_a_replica_for_its_memory(serving, cgroup, figures):
    served = serving()
    # The zygote is in it with all of its replicas; the larger and more dispensable of them is chosen.
    (zygote,) = served.pids("jubako-zygote")
    folder = cgroup("memory", "memory.limit_in_bytes", 100 << 20, zygote, *served.pids("jubako-replica"))
    status, _ = ask(served, HOG, 400)
    assert status == 500
    served.wait_until(lambda: exits(served, "oom_suspect") == 2)
    kills = int((folder / "memory.oom_control").read_text().partition("oom_kill ")[2].split()[0])
    assert kills == 2
    assert "Perhaps the system had no memory left." in served.text
    assert served.pids("jubako-zygote") == [zygote]
    figures(oom_kills=kills, counted_as_oom_suspect=2, recover_s=round(served.seconds_until_good(), 2))


@pytest.mark.quick
@pytest.mark.row("out-of-memory")
def test_a_sigkill_that_nobody_here_has_sent_is_suspected_to_be_for_memory(serving):
    served = serving()
    assert ask(served, KILL)[0] == 500
    served.wait_until(lambda: exits(served, "oom_suspect") == 2)


@pytest.mark.row("resource-limits")
def test_a_replica_without_room_for_more_memory_fails_what_needs_it(serving, figures):
    served = serving()
    (replica,) = served.pids("jubako-replica")
    size = int(Path(f"/proc/{replica}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(replica, resource.RLIMIT_AS, (size + (64 << 20), size + (64 << 20)))
    answers = asyncio.run(ask_many(served.port, [(HOG, 512.0), *[(COMPUTE, float(number)) for number in range(20)]]))
    assert [status for status, _ in answers] == [500] + [200] * 20
    assert served.pids("jubako-replica") == [replica]
    figures(memory=f"{sum(status == 200 for status, _ in answers)} of 20")


@pytest.mark.row("resource-limits")
def test_a_replica_without_descriptors_fails_what_needs_them(serving):
    served = serving()
    (replica,) = served.pids("jubako-replica")
    resource.prlimit(replica, resource.RLIMIT_NOFILE, (64, 64))
    answers = asyncio.run(ask_many(served.port, [(FILES, 100.0), *[(COMPUTE, float(number)) for number in range(20)]]))
    assert [status for status, _ in answers] == [500] + [200] * 20
    assert served.pids("jubako-replica") == [replica]


@pytest.mark.row("resource-limits")
def test_an_api_worker_without_descriptors_serves_again_when_it_has_some(serving, figures):
    served = serving()
    (worker,) = served.pids("jubako-api-0")
    before = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (64, before[1]))
    answers = asyncio.run(ask_many(served.port, [(COMPUTE, float(number)) for number in range(200)]))
    # What there is no room for is told so, and what is taken in has all that it needs.
    assert {status for status, _ in answers} == {200, 503}
    assert served.pids("jubako-api-0") == [worker]
    resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
    figures(
        connections=f"{sum(status == 200 for status, _ in answers)} of 200",
        recover_s=round(served.seconds_until_good(), 2),
    )


@pytest.mark.row("resource-limits")
def test_a_server_that_can_start_no_process_says_503_until_it_can(serving, cgroup, figures):
    served = serving(
        JUBAKO_RUNNERS__RESTART_FIRST_S="0.05",
        JUBAKO_RUNNERS__RESTART_LONGEST_S="0.5",
        JUBAKO_RUNNERS__RESTART_ATTEMPTS="2",
    )
    (zygote,) = served.pids("jubako-zygote")
    (supervisor,) = (served.process.pid,)
    (replica,) = served.pids("jubako-replica")
    folder = cgroup("pids", "pids.max", 2, zygote, supervisor)
    served.signal(signal.SIGKILL, replica)
    served.wait_until(lambda: served.get("/readyz")[0] == 503)
    # Not only late: it is plain that nothing comes.
    served.wait_until(lambda: ask(served, COMPUTE, 1, **{"x-request-timeout": "2"})[0] == 503)
    assert served.get("/livez")[0] == 200
    (folder / "pids.max").write_text("max")
    figures(processes="503", recover_s=round(served.seconds_until_good(), 2))


@pytest.mark.row("bombs")
@pytest.mark.parametrize(("deed", "count"), [(PROCESSES, 200), (THREADS, 300)])
def test_what_a_model_has_started_ends_with_its_replica(serving, figures, deed, count):
    served = serving()
    (replica,) = served.pids("jubako-replica")
    before = len(served.processes())
    threads_before = len(list(Path(f"/proc/{replica}/task").iterdir()))
    assert ask(served, deed, count)[0] == 200
    if deed == PROCESSES:
        assert len(served.processes()) == before + count
    else:
        assert len(list(Path(f"/proc/{replica}/task").iterdir())) == threads_before + count
    assert ask(served, COMPUTE, 4)[1]["value"] == 8
    began = time.monotonic()
    served.signal(signal.SIGKILL, replica)
    served.wait_until(lambda: len(served.processes()) == before and replica not in served.processes())
    figures(started=count, left=0, seconds=round(time.monotonic() - began, 2))


@pytest.mark.row("bombs")
@pytest.mark.parametrize("deed", [PRINT, PRINT_BINARY])
def test_a_model_that_prints_without_end_fills_no_disk(serving, figures, length, folder, deed):
    served = serving()
    mebibytes = length(50, 1000)

    def used():
        places = (folder, served.temporary)
        return sum(each.stat().st_size for place in places for each in place.rglob("*") if each.is_file())

    before = used()
    status, _ = ask(served, deed, mebibytes)
    assert status == 200
    assert used() - before < 1 << 20
    figures(printed_mib=mebibytes, disk_used_kib=(used() - before) >> 10)


@pytest.mark.row("bombs")
def test_a_process_of_a_model_that_fails_to_start_is_no_reason_to_end(serving, cgroup):
    served = serving()
    (replica,) = served.pids("jubako-replica")
    # 50 besides those that it has: what a service manager sets (TasksMax).
    tasks = len(list(Path(f"/proc/{replica}/task").iterdir()))
    cgroup("pids", "pids.max", tasks + 50, replica)
    assert ask(served, THREADS, 1000)[0] == 500
    assert ask(served, COMPUTE, 4)[1]["value"] == 8
    served.signal(signal.SIGKILL, replica)
    served.replaced("jubako-replica", replica)
