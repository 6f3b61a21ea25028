"""`Watchdog`: ends a replica whose batch is past every deadline, so that another one takes its place."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import math
import os
import time
from collections.abc import Callable

_log = logging.getLogger("jubako.backends")

_LOOK_EVERY_S = 1.0
# What faulthandler takes has a limit; the watchdog is set anew every second in any case.
_LONGEST_S = 3600.0


class Watchdog:
    """Watches the batch that is computed; lives on the replica's loop, and bites without it.

    A model that hangs may hold the interpreter's lock, and then nothing of Python runs. So the last bite is a timer in
    C, `faulthandler.dump_traceback_later`, which is set again and again while all is well. Either way the stacks of all
    threads go to stderr first. Calls that wait behind the batch are tried elsewhere; nobody waits for those in it.

    Args:
        runner_name: for the log.
        running_until_s: when the last call of the batch that is computed ends, on the clock of `time.monotonic()`; None
            if none is.
        grace_s: how long the batch may go on after that.
    """

    def __init__(self, runner_name: str, running_until_s: Callable[[], float | None], grace_s: float) -> None:
        self._runner_name = runner_name
        self._running_until_s = running_until_s
        self._grace_s = grace_s
        self._loop = asyncio.get_running_loop()
        self._armed_until_s = -math.inf
        self._timer = self._loop.call_later(_LOOK_EVERY_S, self._look)

    def begun(self, until_s: float) -> None:
        """Take note of a batch whose last call ends at `until_s`; costs next to nothing for most."""
        if until_s > self._armed_until_s:
            self._arm(until_s)

    def stop(self) -> None:
        """Watch no more."""
        self._timer.cancel()
        faulthandler.cancel_dump_traceback_later()

    def _look(self) -> None:
        until_s = self._running_until_s()
        if until_s is None:
            faulthandler.cancel_dump_traceback_later()
            self._armed_until_s = -math.inf
        elif time.monotonic() > until_s + self._grace_s:
            _log.error(
                "runner %r computes a batch that every caller has given up; this replica ends", self._runner_name
            )
            faulthandler.dump_traceback(all_threads=True)
            os._exit(1)
        else:
            self._arm(until_s)
        self._timer = self._loop.call_later(_LOOK_EVERY_S, self._look)

    def _arm(self, until_s: float) -> None:
        self._armed_until_s = until_s + self._grace_s
        # Later than the loop would do it, which can say more.
        after_s = self._armed_until_s - time.monotonic() + 2 * _LOOK_EVERY_S
        faulthandler.dump_traceback_later(min(max(after_s, _LOOK_EVERY_S), _LONGEST_S), exit=True)
