"""`SilenceDesk`: ends replicas that show no sign of life, once nobody waits for them any more."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import attrs

from jubako.serving.children import Child
from jubako.serving.control import Record, Silent
from jubako.serving.exits import Cause

_logger = logging.getLogger(__name__)

# After the last deadline. A replica whose model hangs ends by itself before that, and can say where it hangs.
_GRACE_S = 8.0
# Every API worker that has calls there notices the silence within this.
_OTHERS_S = 3.0


class SilenceDesk:
    """Collects what the API workers of one generation say; belongs to the supervisor's loop.

    A replica that the system has stopped, or whose native code hangs with the interpreter's lock, holds calls that are
    never answered, and never ends by itself.

    Args:
        find: gives the process that fills the place of a replica, by runner and index; None if none does.
    """

    def __init__(self, find: Callable[[str, int], Child | None]) -> None:
        self._find = find
        self._cases: dict[tuple[str, int], _Case] = {}

    def attend(self, worker: Child) -> None:
        """Hear what an API worker says of replicas until it ends."""

        def take(record: Record) -> None:
            if isinstance(record, Silent):
                self._note(worker, (record.runner, record.index), record.held_until_s)

        worker.hear(take)
        worker.ended.add_done_callback(lambda _: self._forget(worker))

    def _note(self, worker: Child, place: tuple[str, int], held_until_s: float | None) -> None:
        if held_until_s is None:
            self._withdraw(worker, place)
            return
        replica = self._find(*place)
        if replica is None:
            return
        case = self._cases.get(place)
        if case is None or case.replica is not replica:
            if case is not None:
                case.close()
            case = self._cases[place] = _Case(replica, time.monotonic())
        case.held_until_s[worker] = held_until_s
        case.look()

    def _withdraw(self, worker: Child, place: tuple[str, int]) -> None:
        case = self._cases.get(place)
        if case is None:
            return
        case.held_until_s.pop(worker, None)
        if case.held_until_s:
            case.look()
        else:
            case.close()
            del self._cases[place]

    def _forget(self, worker: Child) -> None:
        for place in list(self._cases):
            self._withdraw(worker, place)


@attrs.define(eq=False)
class _Case:
    """One replica that is silent.

    Args:
        replica: the process.
        since_s: when the first worker said so.
        held_until_s: what each worker says.
        timer: for the next look.
    """

    replica: Child
    since_s: float
    held_until_s: dict[Child, float] = attrs.field(factory=dict)
    timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """End the replica if it is time, or look again when it is."""
        self.close()
        wait_s = max(max(self.held_until_s.values()) + _GRACE_S, self.since_s + _OTHERS_S) - time.monotonic()
        if wait_s > 0:
            self.timer = asyncio.get_running_loop().call_later(wait_s, self.look)
            return
        _logger.error("%s shows no sign of life, and all of its calls are late; it is killed", self.replica.name)
        self.replica.kill(Cause.SILENT)

    def close(self) -> None:
        """Look no more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
