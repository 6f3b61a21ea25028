"""`Generation`: the processes that serve one Plan, from their start to the end of the last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from socket import socket
from typing import Any

import attrs

from jubako.serving.children import Child, ProcessEnded, Reaper
from jubako.serving.control import Cut, RunnerState
from jubako.serving.metrics_desk import MetricsDesk
from jubako.serving.pinning import PinsDesk
from jubako.serving.replicas import Replicas
from jubako.serving.restarts import RestartRule
from jubako.serving.silence import SilenceDesk
from jubako.serving.slots import Slot
from jubako.serving.workers import WorkerOrders, WorkerSlot
from jubako.settings import Settings
from jubako.values.plan import Plan

# Beyond the drain: a worker writes its last answers, stops its backend, and ends the interpreter.
_OVERTIME_S = 5.0
_CUT_S = 2.0

_PROCESS_BACKEND = "process"


@attrs.frozen
class GenerationPlace:
    """What one generation is made of.

    Args:
        number: from 1.
        text: the target, as it was typed.
        working_dir: what a relative target starts from.
        workers: how many API workers.
        settings: in force.
        listening: the socket that connections come from; the supervisor's.
        folder: for its sockets; is made.
        reaper: hears of ends.
        desk: takes what its processes count.
    """

    number: int
    text: str
    working_dir: Path
    workers: int
    settings: Settings
    listening: socket
    folder: Path
    reaper: Reaper
    desk: MetricsDesk


class Generation:
    """API workers, and with the process backend a zygote and replicas; belongs to the supervisor's loop.

    Args:
        place: what it is made of.
    """

    def __init__(self, place: GenerationPlace) -> None:
        self._place = place
        runners = place.settings.runners
        self._rule = RestartRule(runners.restart_first_s, runners.restart_longest_s, runners.restart_attempts)
        self._orders = WorkerOrders(
            generation=place.number,
            text=place.text,
            working_dir=place.working_dir,
            settings=place.settings,
            listening=place.listening,
            reaper=place.reaper,
            desk=place.desk,
            pins=PinsDesk(),
            silence=SilenceDesk(self._replica),
            states=self._states,
        )
        self._workers = [WorkerSlot(index, self._orders, self._rule) for index in range(place.workers)]
        self._replicas: Replicas | None = None
        self._told: dict[str, RunnerState] = {}
        self._keeping: dict[Slot, asyncio.Task[None]] = {}

    @property
    def number(self) -> int:
        """From 1."""
        return self._place.number

    @property
    def service(self) -> str:
        """The name of the Service, once the generation has started."""
        return "" if self._orders.plan is None else self._orders.plan.service

    async def start(self) -> None:
        """Start everything, and wait until connections are accepted.

        Raises:
            ProcessEnded: a process cannot start; the generation must be killed.
        """
        if self._place.settings.runners.backend == _PROCESS_BACKEND:
            self._replicas = Replicas(
                self._place.settings,
                self._place.folder,
                self._rule,
                self._place.reaper,
                self._place.desk,
                self._orders.pins,
                self._tell_states,
            )
        first, *others = self._workers
        self._keep(first)
        await self._first_of((first,), first.planned)
        plan = self._orders.plan = first.planned.result()
        for slot in others:
            self._keep(slot)
        await self._start_replicas(plan)
        self._orders.may_prepare.set()
        await self._first_of(self._workers, *(slot.warm for slot in self._workers))
        self._orders.may_serve.set()
        await self._first_of(self._workers, *(slot.first for slot in self._workers))

    async def stop(self, cut: asyncio.Event) -> bool:
        """Let the workers answer what they have begun, then stop the replicas.

        Args:
            cut: once set, nothing is waited for any more.

        Returns:
            False if a process had to be killed, or ended otherwise than it should.
        """
        # Replicas are replaced until the last call is answered.
        self._end_keeping(self._workers)
        working = [slot.child for slot in self._workers if slot.child is not None and slot.is_ready]
        # A worker that is only starting has nothing to answer.
        await _kill(slot.child for slot in self._workers if not slot.is_ready)
        for child in working:
            child.stop()
        cutting = asyncio.create_task(self._cut_workers(working, cut))
        limit_s = self._place.settings.server.drain_s + _OVERTIME_S
        is_orderly = all(await asyncio.gather(*(child.end_within(limit_s) for child in working)))
        cutting.cancel()
        if self._replicas is not None:
            self._end_keeping(self._replicas.slots)
            is_orderly &= await self._replicas.stop(_CUT_S if cut.is_set() else _OVERTIME_S)
        return is_orderly

    async def kill(self) -> None:
        """End every process now; for a generation that did not start, or is in the way."""
        self._end_keeping(self._keeping)
        await _kill(slot.child for slot in self._workers)
        if self._replicas is not None:
            await self._replicas.stop(_CUT_S)

    async def _start_replicas(self, plan: Plan) -> None:
        if self._replicas is None:
            return
        if not plan.runners:
            await self._replicas.stop(_CUT_S)
            self._replicas = None
            return
        self._orders.channels = self._replicas.open_channels(plan)
        for slot in self._replicas.slots:
            self._keep(slot)
        try:
            await self._first_of(
                (*self._workers, *self._replicas.slots), *(slot.first for slot in self._replicas.slots)
            )
        except ProcessEnded as error:
            # As the worker says it that holds the models itself.
            raise ProcessEnded(f"The service did not start: {error.message}", why=error.why, do=error.do) from error

    def _keep(self, slot: Slot) -> None:
        self._keeping[slot] = asyncio.create_task(slot.keep())

    def _end_keeping(self, slots: Iterable[Slot]) -> None:
        for slot in slots:
            if slot in self._keeping:
                self._keeping[slot].cancel()

    async def _first_of(self, slots: Iterable[Slot], *awaited: asyncio.Future[Any]) -> None:
        """Wait until all that is awaited is done, unless one of the slots fails before."""
        watched = [slot.first for slot in slots]
        while True:
            for each in watched:
                if each.done():
                    each.result()
            pending = {each for each in awaited if not each.done()}
            if not pending:
                return
            await asyncio.wait(
                pending | {each for each in watched if not each.done()}, return_when=asyncio.FIRST_COMPLETED
            )

    async def _cut_workers(self, working: list[Child], cut: asyncio.Event) -> None:
        await cut.wait()
        for child in working:
            child.link.send(Cut())
        await asyncio.sleep(_CUT_S)
        await _kill(working)

    def _replica(self, runner: str, index: int) -> Child | None:
        return None if self._replicas is None else self._replicas.find(runner, index)

    def _states(self) -> tuple[RunnerState, ...]:
        return () if self._replicas is None else self._replicas.states()

    def _tell_states(self) -> None:
        for state in self._states():
            if self._told.get(state.runner) != state:
                self._told[state.runner] = state
                for slot in self._workers:
                    slot.tell(state)


async def _kill(children: Iterable[Child | None]) -> None:
    present = [child for child in children if child is not None]
    for child in present:
        child.kill()
    for child in present:
        await asyncio.wait((child.ended,))
