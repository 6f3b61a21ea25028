"""`StopSignals`: what SIGINT and SIGTERM mean to a serving process, and the watchdog behind them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

# A terminal and a supervisor may both send a signal for one wish to stop.
_SAME_WISH_S = 1.0

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """While the block runs: the first signal asks for a stop; one that comes over a second later asks to cut it short.

    Handlers run in the main thread between two steps of Python, so that they work while an event loop is blocked. After
    the block both signals are ignored, for the process is about to end.

    Args:
        stop: called once, with the first signal; must be quick.
        cut: called once, with the first signal that is not the same wish.
        clock: seconds, monotonic.
    """

    def __init__(
        self, stop: Callable[[], None], cut: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stop = stop
        self._cut = cut
        self._clock = clock
        self._first_s: float | None = None
        self.cut_by: int | None = None
        """The number of the signal that cut the stop short; None if none did."""

    def __enter__(self) -> Self:
        for number in _NUMBERS:
            signal.signal(number, self.receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in _NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    def receive(self, number: int, _frame: FrameType | None = None) -> None:
        """Take one signal; called by Python."""
        now_s = self._clock()
        if self._first_s is None:
            self._first_s = now_s
            self._stop()
        elif self.cut_by is None and now_s - self._first_s > _SAME_WISH_S:
            self.cut_by = number
            self._cut()


def end_process_after(seconds: float, exit_code: int) -> None:
    """End this process if it still runs after `seconds`, whatever blocks it: a loop, a thread that never returns.

    Waits in a daemon thread, which is no obstacle to an earlier end.
    """

    def end() -> None:
        sys.stderr.flush()
        os._exit(exit_code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
