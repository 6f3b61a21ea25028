"""What the operating system does for the supervisor and its processes, where it can: signals, parents, orphans.

`prctl` is Linux only. Elsewhere the functions that need it do nothing, and the end of the control link alone tells a
process that the supervisor is gone.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

IS_LINUX = sys.platform == "linux"

# Of linux/prctl.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36

WORKER_MEMORY_POINTS = 100
"""For `offer_memory`: an API worker is ended before the supervisor."""
REPLICA_MEMORY_POINTS = 200
"""A replica is ended before an API worker: it holds the model, and its calls are tried again."""

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def occupy_standard_streams() -> None:
    """Open the null device in place of standard streams that this process was started without.

    Otherwise the next sockets would get their numbers, and would be lost in processes started later, where these
    numbers mean input, output and errors.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115 - it stays open


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends, so that it can be waited for."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the system kill this process when its parent ends, even while it computes and reads no link.

    The parent is the process that is the parent now.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def die_with_supervisor(link: socket.socket) -> None:
    """Do the same for a process of the supervisor; one that has ended already is the parent no more.

    Args:
        link: to the supervisor, whose own end closes with it. What it has said before may still wait to be read.
    """
    die_with_parent()
    looking = select.poll()
    # The other end's end is told unasked.
    looking.register(link, 0)
    if looking.poll(0):
        # As one that reads the end later: a supervisor that is stopping waits for it, and logs any other code.
        os._exit(0)


def name_process(name: str) -> None:
    """Choose what `ps -o comm` shows, at most 15 bytes of it; on Linux only."""
    if IS_LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def settle_memory() -> None:
    """Collect garbage, and leave out of all later collections what is there now: modules, the service, a model.

    It stays to the end, and looking at it again would stop a process for tens of milliseconds, always under load. What
    is not looked at is not written to either, so forked processes go on sharing it.
    """
    gc.collect()
    gc.freeze()


def leave_signals_to_supervisor() -> None:
    """Do nothing on SIGINT, SIGTERM and SIGHUP, which a terminal and systemd send to every process of the group.

    They have a handler and are not ignored: what is ignored stays so in programs that user code starts.
    """
    for number in (*STOP_SIGNALS, signal.SIGHUP):
        # nohup wants SIGHUP to be ignored, here and in what is started here.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _do_nothing)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def lead_process_group() -> None:
    """Begin a process group, which everything that user code starts from here belongs to, unless it leaves it.

    It is in the background of a terminal, and may write to it all the same.
    """
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.setpgid(0, 0)


def offer_memory(points: int) -> None:
    """Have the system, when it has no memory left, rather end this process than its parent; on Linux only.

    Args:
        points: thousandths of all memory that this process seems larger by.
    """
    if not IS_LINUX:
        return
    score = Path("/proc/self/oom_score_adj")
    # It is advice: where it cannot be given, nothing else is wrong.
    with suppress(OSError, ValueError):
        score.write_text(str(min(1000, int(score.read_text()) + points)))


@contextmanager
def holding_signals() -> Iterator[None]:
    """Keep SIGINT and SIGTERM waiting, here and in processes started meanwhile, until these have handlers."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def describe_end(status: int | None) -> str:
    """Say how a process ended, by the status that `os.waitpid` gives: `with exit code 1`, `by signal 9 (SIGKILL)`."""
    if status is None:
        return "for an unknown reason"
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"by signal {-code}"


def _do_nothing(_number: int, _frame: object) -> None:
    pass


def _prctl(option: int, value: int) -> None:
    if IS_LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
