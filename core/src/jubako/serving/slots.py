"""`Slot`: one place in a generation that a process fills, and that is filled again when the process dies."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod

from jubako.serving.children import Child, ProcessEnded
from jubako.serving.exits import Cause
from jubako.serving.restarts import RestartRule, Restarts
from jubako.serving.system import describe_end

_logger = logging.getLogger(__name__)

# Between two tries of a start that was nobody's fault; so long takes a new zygote at least.
_AGAIN_S = 0.05


class NeverBegan(ProcessEnded):
    """The process was ordered and never existed, for its zygote died; this says nothing about what it was to do."""


class Slot(ABC):
    """One place; belongs to the supervisor's loop.

    The first start decides whether the generation starts at all: if it fails, the slot stays empty and `first` raises.
    After that it is filled again for as long as `keep` runs.

    Args:
        name: for people, such as `API worker 0`.
        rule: how patient to be with starts that fail.

    Attributes:
        name: for people.
        first: done when the first process is ready.
        child: the process that is there now, starting or ready; None between two.
        is_ready: True while the process that is there does its work.
        reason: why the last one failed, for people.
    """

    def __init__(self, name: str, rule: RestartRule) -> None:
        self.name = name
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.child: Child | None = None
        self.is_ready = False
        self.reason = ""
        self._restarts = Restarts(rule)

    @property
    def is_broken(self) -> bool:
        """True if nothing serves here and nobody should wait until something does."""
        return self._restarts.is_broken and not self.is_ready

    @abstractmethod
    def open(self) -> Child:
        """Start a process."""

    @abstractmethod
    async def bring_up(self, child: Child) -> None:
        """Tell a process what to do, and wait until it does.

        Raises:
            ProcessEnded: it does not; `NeverBegan` if that is to be passed over.
        """

    def changed(self) -> None:  # noqa: B027 - optional: nobody asks how a worker is
        """Take note of `is_ready` or `is_broken`; called after each change."""

    async def keep(self) -> None:
        """Keep the place filled; runs until it is cancelled, or the first start fails."""
        loop = asyncio.get_running_loop()
        while True:
            ready_s: float | None = None
            try:
                self.child = child = self._open()
                await self.bring_up(child)
            except NeverBegan:
                self.child = None
                await asyncio.sleep(_AGAIN_S)
                continue
            except ProcessEnded as error:
                if self.child is not None:
                    self.child.kill()
                    await asyncio.wait((self.child.ended,))
                if not self.first.done():
                    self.child = None
                    self.first.set_exception(error)
                    # Of several that fail at the same time only one is told of; asyncio would log the others.
                    self.first.exception()
                    return
                self.reason = f"{error.message} {error.why}".strip()
            else:
                ready_s = loop.time()
                self.is_ready = True
                if not self.first.done():
                    self.first.set_result(None)
                self.changed()
                status = await asyncio.shield(child.ended)
                hint = " Perhaps the system had no memory left." if child.cause is Cause.OOM_SUSPECT else ""
                self.reason = f"{self.name} ended {describe_end(status)}.{hint}"
            self.is_ready, self.child = False, None
            wait_s = self._restarts.died(None if ready_s is None else loop.time() - ready_s)
            _logger.warning("%s It is started again %s.", self.reason, f"in {wait_s:g} s" if wait_s else "at once")
            self.changed()
            await asyncio.sleep(wait_s)

    def _open(self) -> Child:
        try:
            return self.open()
        except OSError as error:
            # No memory, no process number or no descriptor is left; there may be some the next time.
            raise ProcessEnded(f"{self.name} could not be started.", why=f"{error}.") from error
