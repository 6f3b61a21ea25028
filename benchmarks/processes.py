"""Processes of a server: which there are, what memory they take, how they end. Read from /proc, so Linux only.

Elsewhere nothing is found: no memory is reported, and a server is ended by its process group alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LOOK_AGAIN_S = 0.02
_KILLED_WITHIN_S = 5.0


@dataclass(frozen=True)
class Process:
    """One process; its number alone may belong to another one later.

    Args:
        pid: its number.
        parent: the number of its parent.
        began: ticks since the machine started.
        used: ticks of processor time, its own and that of children that have ended.
    """

    pid: int
    parent: int
    began: int
    used: int


@dataclass(frozen=True)
class Memory:
    """What a tree of processes takes, in MiB.

    Args:
        rss_mb: resident; a page that several processes share is counted for each of them.
        pss_mb: proportional; a shared page is counted once, in parts.
    """

    rss_mb: float
    pss_mb: float


def parse_stat(text: str) -> Process | None:
    """Read a /proc/<pid>/stat; nothing if the process has ended and only waits for its parent."""
    # The name, in parentheses, may itself hold spaces and parentheses.
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(") ")[2].split()
    if fields[0] in "ZX":
        return None
    return Process(int(pid), parent=int(fields[1]), began=int(fields[19]), used=sum(map(int, fields[11:15])))


def parse_rollup(text: str) -> Memory:
    """Read a /proc/<pid>/smaps_rollup."""
    kilobytes = {"Rss": 0, "Pss": 0}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name in kilobytes:
            kilobytes[name] += int(value.split()[0])
    return Memory(kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024)


def select_tree(root: int, processes: Iterable[Process]) -> tuple[Process, ...]:
    """The process of this number and all that descend from it, parents first."""
    by_pid: dict[int, Process] = {}
    children: dict[int, list[Process]] = {}
    for process in processes:
        by_pid[process.pid] = process
        children.setdefault(process.parent, []).append(process)
    found = [by_pid[root]] if root in by_pid else []
    for process in found:
        found.extend(children.get(process.pid, ()))
    return tuple(found)


def find_tree(root: int) -> tuple[Process, ...]:
    """The tree below a process of this machine; empty if it has ended."""
    return select_tree(root, _list_processes().values())


def measure_memory(root: int) -> Memory | None:
    """What the tree below a process takes now; nothing if that cannot be read."""
    parts = []
    for process in find_tree(root):
        # One that ends meanwhile takes nothing.
        with contextlib.suppress(OSError):
            parts.append(parse_rollup((_PROC / str(process.pid) / "smaps_rollup").read_text()))
    return Memory(sum(part.rss_mb for part in parts), sum(part.pss_mb for part in parts)) if parts else None


def measure_cpu_s(root: int) -> float | None:
    """Seconds of processor time that the tree below a process has used so far; nothing if that cannot be read."""
    tree = find_tree(root)
    return sum(process.used for process in tree) / os.sysconf("SC_CLK_TCK") if tree else None


def stop_tree(server: subprocess.Popen[bytes], within_s: float) -> None:
    """Ask a server, the leader of a process group, to end; then kill whatever is left of its group and tree.

    Args:
        server: started with `start_new_session=True`.
        within_s: how long it may take to end by itself.
    """
    tree = {process.pid: process for process in find_tree(server.pid)}
    if not has_ended(server):
        os.kill(server.pid, signal.SIGTERM)
    end = time.monotonic() + within_s
    try:
        while time.monotonic() < end and not has_ended(server):
            tree.update((process.pid, process) for process in find_tree(server.pid))
            time.sleep(_LOOK_AGAIN_S)
        while time.monotonic() < end and _select_alive(tree):
            time.sleep(_LOOK_AGAIN_S)
    finally:
        # Also when an impatient user interrupts the wait.
        _kill(server, tree)


def has_ended(server: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended, without reaping it: its number stays its own until `stop_tree`."""
    if server.returncode is not None:
        return True
    return os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(server: subprocess.Popen[bytes], tree: Mapping[int, Process]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)
    for pid in _select_alive(tree):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.wait(_KILLED_WITHIN_S)


def _select_alive(tree: Mapping[int, Process]) -> list[int]:
    now = _list_processes()
    return [pid for pid, process in tree.items() if pid in now and now[pid].began == process.began]


def _list_processes() -> dict[int, Process]:
    found = {}
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            process = parse_stat((folder / "stat").read_text())
            if process is not None:
                found[process.pid] = process
    return found
