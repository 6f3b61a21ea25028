from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.processes import (
    Memory,
    Process,
    find_tree,
    measure_cpu_s,
    measure_memory,
    parse_rollup,
    parse_stat,
    select_tree,
    stop_tree,
)

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
STAT = "42 (a (b) c) {state} 7 42 42 0 -1 4194304 1 0 0 0 3 4 5 6 20 0 1 0 998877 1000 200"

# Starts a child in a session of its own; both ignore the polite signal.
STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 2:
    subprocess.Popen([sys.executable, "-c", sys.argv[1], "", ""], start_new_session=True)
else:
    print("ready", flush=True)
signal.pause()
"""


def test_a_process_is_read_although_its_name_holds_parentheses():
    assert parse_stat(STAT.format(state="S")) == Process(42, parent=7, began=998877, used=3 + 4 + 5 + 6)


def test_a_process_that_has_ended_is_not_counted():
    assert parse_stat(STAT.format(state="Z")) is None


def test_memory_is_read_in_mebibytes():
    text = "5577-7ffd ---p 00000000 00:00 0    [rollup]\nRss:    2048 kB\nPss:    1024 kB\nPss_Anon:  512 kB\n"

    assert parse_rollup(text) == Memory(rss_mb=2.0, pss_mb=1.0)


def test_a_tree_holds_children_of_children_and_no_strangers():
    processes = [Process(pid, parent, 0, 0) for pid, parent in [(1, 0), (5, 1), (6, 5), (7, 6), (8, 1)]]

    assert [process.pid for process in select_tree(5, processes)] == [5, 6, 7]


def test_the_tree_of_a_process_that_is_gone_is_empty():
    assert select_tree(5, [Process(6, 5, 0, 0)]) == ()


@linux_only
def test_a_server_that_ignores_signals_is_killed_with_its_children_in_other_sessions():
    server = subprocess.Popen(
        [sys.executable, "-c", STUBBORN, STUBBORN], start_new_session=True, stdout=subprocess.PIPE
    )
    with server:
        assert server.stdout.readline() == b"ready\n"
        tree = find_tree(server.pid)

        memory = measure_memory(server.pid)
        stop_tree(server, within_s=0.1)

    assert len(tree) == 2
    assert memory.rss_mb > memory.pss_mb > 1
    assert measure_cpu_s(server.pid) is None
    assert not set(tree) & {each for process in tree for each in find_tree(process.pid)}


def test_a_server_that_has_ended_can_be_stopped():
    server = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    server.wait(30)

    stop_tree(server, within_s=1)

    assert server.returncode == 0
