"""Threads of native libraries and of joblib, held to the share of the machine that a runner's placement gives it."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Any

import joblib
from threadpoolctl import ThreadpoolController


class ThreadLimit:
    """Lowers the threads of OpenMP and BLAS to a number, once for each thread that computes; never raises them.

    OpenMP keeps its number for each calling thread, BLAS one for the process. Asking for it around every call would
    cost 16 µs with a controller made beforehand and 2.7 ms with `threadpoolctl.threadpool_limits`.

    Args:
        threads: at least 1.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._controller = ThreadpoolController()
        self._lowered: list[tuple[Any, int]] = []
        self._local = threading.local()

    def enter(self) -> None:
        """Lower the numbers that are higher, in the calling thread; a second call in the same thread costs nothing."""
        if getattr(self._local, "is_limited", False):
            return
        self._local.is_limited = True
        for library in self._controller.lib_controllers:
            before = library.get_num_threads()
            if before is not None and before > self._threads:
                library.set_num_threads(self._threads)
                self._lowered.append((library, before))

    def close(self) -> None:
        """Give back what was lowered, for the calling thread and the process."""
        for library, before in reversed(self._lowered):
            library.set_num_threads(before)
        self._lowered.clear()
        self._local = threading.local()


def without_joblib_jobs() -> AbstractContextManager[Any]:
    """A context in which joblib runs its tasks one after the other in the calling thread; costs 2 µs.

    Its threads were slower than none for a forest of 100 trees up to 65,536 rows on two cores, and with them sums of
    floats come out in another order. The backend is threading all the same, so that no part of a model that asks for
    jobs by itself starts processes.
    """
    context: AbstractContextManager[Any] = joblib.parallel_config(backend="threading", n_jobs=1)
    return context
