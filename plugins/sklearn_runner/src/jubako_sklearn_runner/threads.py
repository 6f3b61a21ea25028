"""Threads of native libraries and of joblib, held to the share of the machine that a runner's placement gives it."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from typing import Any

import joblib
from threadpoolctl import ThreadpoolController


class ThreadLimit:
    """Sets the threads of OpenMP and BLAS to a number, once for each thread that computes.

    They are lowered, and raised only as far as `OMP_NUM_THREADS` says: a replica is forked from a process that keeps
    them at one, and has its share in that name.

    OpenMP keeps its number for each calling thread, BLAS one for the process. Asking for it around every call would
    cost 16 µs with a controller made beforehand and 2.7 ms with `threadpoolctl.threadpool_limits`.

    Args:
        threads: at least 1.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._controller = ThreadpoolController()
        self._raised_to = min(threads, _from_environment())
        self._changed: list[tuple[Any, int]] = []
        self._local = threading.local()

    def enter(self) -> None:
        """Set the numbers, in the calling thread; a second call in the same thread costs nothing."""
        if getattr(self._local, "is_limited", False):
            return
        self._local.is_limited = True
        for library in self._controller.lib_controllers:
            before = library.get_num_threads()
            if before is None:
                continue
            wanted = min(max(before, self._raised_to), self._threads)
            if wanted != before:
                library.set_num_threads(wanted)
                self._changed.append((library, before))

    def close(self) -> None:
        """Give back what was changed, for the calling thread and the process."""
        for library, before in reversed(self._changed):
            library.set_num_threads(before)
        self._changed.clear()
        self._local = threading.local()


def _from_environment() -> int:
    text = os.environ.get("OMP_NUM_THREADS", "")
    return int(text) if text.isdecimal() and int(text) > 0 else 1


def without_joblib_jobs() -> AbstractContextManager[Any]:
    """A context in which joblib runs its tasks one after the other in the calling thread; costs 2 µs.

    Its threads were slower than none for a forest of 100 trees up to 65,536 rows on two cores, and with them sums of
    floats come out in another order. The backend is threading all the same, so that no part of a model that asks for
    jobs by itself starts processes.
    """
    context: AbstractContextManager[Any] = joblib.parallel_config(backend="threading", n_jobs=1)
    return context
