"""Measuring milliseconds on a machine that does other things."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from pathlib import Path

from tests.faults.watched import Watched

_PRIORITY = 5


@contextlib.contextmanager
def undisturbed(served: Watched) -> Iterator[bool]:
    """Put a server and this process before all others for a while, and spare this one its collections of garbage.

    What is measured then is the server and not its neighbours. It says whether the system allowed it.
    """
    # An answer that waits while the client collects garbage looks like one of a slow server.
    gc.collect()
    gc.disable()
    try:
        yield _schedule(served, os.SCHED_RR, _PRIORITY)
    finally:
        _schedule(served, os.SCHED_OTHER, 0)
        gc.enable()


def _schedule(served: Watched, policy: int, priority: int) -> bool:
    try:
        for pid in [os.getpid(), served.process.pid, *served.processes()]:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setscheduler(int(thread.name), policy, os.sched_param(priority))
    except OSError:
        return False
    return True
