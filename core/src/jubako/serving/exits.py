"""`Cause`: why processes end, as far as can be told from outside."""

from __future__ import annotations

import os
import signal
from enum import StrEnum

_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP})


class Cause(StrEnum):
    """Why a process has ended; the label `cause` of `jubako_process_exits_total`."""

    STOPPED = "stopped"
    """It was asked to, or was killed because it was not needed any more."""
    EXITED = "exited"
    """With exit code 0, although nobody had asked it to."""
    FAILED = "failed"
    """With another exit code."""
    CRASHED = "crashed"
    """By a signal that stands for a fault of native code, such as SIGSEGV."""
    SIGNALLED = "signalled"
    """By another signal."""
    OOM_SUSPECT = "oom_suspect"
    """By a SIGKILL that the supervisor has not sent: what the system does to win memory. It may have been a person."""
    SILENT = "silent"
    """Killed by the supervisor, for it showed no sign of life."""
    START_TIMEOUT = "start_timeout"
    """Killed by the supervisor, for it was not ready in time."""
    UNKNOWN = "unknown"
    """The system does not tell; only where a replica is nobody's child, as on macOS."""


def cause_of_end(status: int | None, wanted: Cause | None) -> Cause:
    """Why a process has ended.

    Args:
        status: as `os.waitpid` gives it; None if it is not known.
        wanted: why the supervisor wanted it to end; None if it did not.
    """
    if wanted is not None:
        return wanted
    if status is None:
        return Cause.UNKNOWN
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return Cause.FAILED if code else Cause.EXITED
    if -code == signal.SIGKILL:
        return Cause.OOM_SUSPECT
    return Cause.CRASHED if -code in _CRASHES else Cause.SIGNALLED
