"""`Replicas`: the replicas of one generation, the sockets they listen on, and the zygote they are forked from."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import attrs

from jubako.serving.children import Child, ProcessEnded, Reaper, StartTimeout, link_pair, spawn
from jubako.serving.control import Ready, RunnerState, StartReplica
from jubako.serving.metrics_desk import MetricsDesk
from jubako.serving.pinning import PinsDesk
from jubako.serving.restarts import RestartRule
from jubako.serving.slots import NeverBegan, Slot
from jubako.serving.zygote_keeper import ZygoteKeeper
from jubako.settings import Settings
from jubako.values.plan import Plan, RunnerPlan

_MODULE = "jubako.serving.replica_process"
_BACKLOG = 256


class Replicas:
    """Every replica of every runner.

    Args:
        settings: in force.
        folder: for the sockets; made here.
        rule: how patient to be with starts that fail.
        reaper: hears of ends.
        desk: takes what the replicas count.
        pins: settles what tags mean.
        changed: called when a replica became ready or went away.

    Attributes:
        slots: one for each replica; empty before `open_channels`.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        rule: RestartRule,
        reaper: Reaper,
        desk: MetricsDesk,
        pins: PinsDesk,
        changed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._rule = rule
        self._reaper = reaper
        self._desk = desk
        self._pins = pins
        self._changed = changed
        self._zygote = ZygoteKeeper(settings, rule, reaper, desk)
        self._listening: list[socket.socket] = []
        self.slots: list[ReplicaSlot] = []

    def open_channels(self, plan: Plan) -> dict[str, tuple[str, ...]]:
        """Open a socket for each replica, and make the slots; nothing is started yet.

        The sockets stay open here, so that callers can connect and wait while a replica is replaced.

        Returns:
            The sockets' paths, by runner.
        """
        self._folder.mkdir(mode=0o700)
        self._zygote.warm_up(plan)
        channels: dict[str, tuple[str, ...]] = {}
        for place, runner in enumerate(plan.runners):
            paths = [str(self._folder / f"{place}-{index}") for index in range(runner.num_replica)]
            channels[runner.name] = tuple(paths)
            for index, path in enumerate(paths):
                listening = _listen(path)
                self._listening.append(listening)
                start = StartReplica(runner.name, index, self._settings, plan)
                self.slots.append(
                    ReplicaSlot(
                        runner,
                        start,
                        listening,
                        zygote=self._zygote,
                        rule=self._rule,
                        reaper=self._reaper,
                        desk=self._desk,
                        pins=self._pins,
                        changed=self._changed,
                    )
                )
        return channels

    def find(self, runner: str, index: int) -> Child | None:
        """The process that is a replica now; None if there is none that is ready."""
        for slot in self.slots:
            if (slot.runner, slot.index) == (runner, index) and slot.is_ready:
                return slot.child
        return None

    def states(self) -> tuple[RunnerState, ...]:
        """Whether each runner has a replica, or will have one soon."""
        states: dict[str, RunnerState] = {}
        for slot in self.slots:
            before = states.get(slot.runner)
            if before is None or not before.is_serving:
                is_serving = not slot.is_broken
                reason = "" if is_serving else f"Its replica fails again and again: {slot.reason}"
                states[slot.runner] = RunnerState(slot.runner, is_serving, reason)
        return tuple(states.values())

    async def stop(self, within_s: float) -> bool:
        """Stop every replica and the zygote, and remove the sockets; nothing may wait for an answer any more.

        Returns:
            False if a replica had to be killed, or did not end as it should.
        """
        working = [slot.child for slot in self.slots if slot.child is not None and slot.is_ready]
        starting = [slot.child for slot in self.slots if slot.child is not None and not slot.is_ready]
        for child in working:
            child.stop()
        for child in starting:
            child.kill()
            await asyncio.wait((child.ended,))
        is_orderly = all(await asyncio.gather(*(child.end_within(within_s) for child in working)))
        await self._zygote.stop()
        for listening in self._listening:
            listening.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        return is_orderly


class ReplicaSlot(Slot):
    """One replica after the other.

    Args:
        runner: what it runs.
        start: what each is told.
        listening: the socket that each listens on.
        zygote: forks them.
        rule: how patient to be with starts that fail.
        reaper: hears of ends.
        desk: takes what they count.
        pins: settles what tags mean.
        changed: called after each change.
    """

    def __init__(
        self,
        runner: RunnerPlan,
        start: StartReplica,
        listening: socket.socket,
        *,
        zygote: ZygoteKeeper,
        rule: RestartRule,
        reaper: Reaper,
        desk: MetricsDesk,
        pins: PinsDesk,
        changed: Callable[[], None],
    ) -> None:
        super().__init__(f"replica {start.index} of runner {runner.name!r}", rule)
        self.runner = runner.name
        self.index = start.index
        self._start = start
        self._can_fork = runner.can_fork
        self._listening = listening
        self._zygote = zygote
        self._reaper = reaper
        self._desk = desk
        self._pins = pins
        self._notify = changed

    def open(self) -> Child:
        """See `Slot`."""
        ours, theirs = link_pair()
        child = Child(self.name, ours, self._reaper, leads_group=True)
        self._desk.attend(child, f"replica {self.runner}", self.index)
        self._pins.attend(child)
        if self._can_fork and not self._zygote.is_broken:
            with theirs:
                self._zygote.fork(theirs, self._listening)
        else:
            child.runs_as(spawn(_MODULE, theirs, (self._listening,)))
        return child

    async def bring_up(self, child: Child) -> None:
        """See `Slot`."""
        child.link.send(attrs.evolve(self._start, plan=self._pins.complete(self._start.plan)))
        try:
            await child.expect(Ready, self._start.settings.runners.start_timeout_s)
        except StartTimeout:
            raise
        except ProcessEnded as error:
            if child.pid is None:
                raise NeverBegan(error.message) from error
            raise

    def changed(self) -> None:
        """See `Slot`."""
        self._notify()


def _listen(path: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    Path(path).chmod(0o600)
    listening.listen(_BACKLOG)
    listening.setblocking(False)
    return listening
