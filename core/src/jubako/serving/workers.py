"""`WorkerSlot`: the place of one API worker in a generation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from socket import socket

import attrs

from jubako.serving.children import Child, Reaper, link_pair, spawn
from jubako.serving.control import Planned, Prepare, Ready, RunnerState, Serve, StartWorker, Warm
from jubako.serving.metrics_desk import MetricsDesk
from jubako.serving.pinning import PinsDesk
from jubako.serving.restarts import RestartRule
from jubako.serving.silence import SilenceDesk
from jubako.serving.slots import Slot
from jubako.settings import Settings
from jubako.values.plan import Plan

_MODULE = "jubako.serving.api_worker"


@attrs.define
class WorkerOrders:
    """What the workers of one generation are told, and when.

    Args:
        generation: its number.
        text: the target, as it was typed.
        working_dir: what a relative target starts from.
        settings: in force.
        listening: the socket that connections come from.
        reaper: hears of ends.
        desk: takes what they count.
        pins: settles what tags mean.
        silence: hears of replicas that show no sign of life.
        plan: None until the first worker has made it.
        channels: the paths of replicas' sockets, by runner.
        states: tells how the runners are.
        may_prepare: set when the replicas are ready.
        may_serve: set when all workers are warm.
    """

    generation: int
    text: str
    working_dir: Path
    settings: Settings
    listening: socket
    reaper: Reaper
    desk: MetricsDesk
    pins: PinsDesk
    silence: SilenceDesk
    states: Callable[[], tuple[RunnerState, ...]]
    plan: Plan | None = None
    channels: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    may_prepare: asyncio.Event = attrs.field(factory=asyncio.Event)
    may_serve: asyncio.Event = attrs.field(factory=asyncio.Event)


class WorkerSlot(Slot):
    """One API worker after the other.

    Args:
        index: which, from 0; the first makes the Plan if there is none.
        orders: what it is told.
        rule: how patient to be with starts that fail.
    """

    def __init__(self, index: int, orders: WorkerOrders, rule: RestartRule) -> None:
        super().__init__(f"API worker {index}", rule)
        self._index = index
        self._orders = orders
        self.planned: asyncio.Future[Plan] = asyncio.get_running_loop().create_future()
        """Done when this worker has imported the target."""
        self.warm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when it was warm for the first time."""

    def open(self) -> Child:
        """See `Slot`."""
        orders = self._orders
        ours, theirs = link_pair()
        child = Child(self.name, ours, orders.reaper)
        orders.desk.attend(child, "api", self._index)
        orders.pins.attend(child)
        orders.silence.attend(child)
        child.runs_as(spawn(_MODULE, theirs, (orders.listening,)))
        return child

    async def bring_up(self, child: Child) -> None:
        """See `Slot`; waits for the others where they go together."""
        orders = self._orders
        within_s = orders.settings.runners.start_timeout_s
        child.link.send(
            StartWorker(
                slot=self._index,
                generation=orders.generation,
                text=orders.text,
                working_dir=str(orders.working_dir),
                settings=orders.settings,
                listening=(orders.listening.fileno(),),
                plan=None if orders.plan is None else orders.pins.complete(orders.plan),
            )
        )
        plan = (await child.expect(Planned, within_s)).plan
        if not self.planned.done():
            self.planned.set_result(plan)
        await child.unless_ended(orders.may_prepare.wait())
        child.link.send(Prepare(orders.channels, joins=orders.may_serve.is_set()))
        for state in orders.states():
            child.link.send(state)
        await child.expect(Warm, within_s)
        if not self.warm.done():
            self.warm.set_result(None)
        await child.unless_ended(orders.may_serve.wait())
        child.link.send(Serve())
        await child.expect(Ready, within_s)

    def tell(self, state: RunnerState) -> None:
        """Tell the worker that is there, if any, how a runner is; one that comes later is told all."""
        if self.child is not None:
            self.child.link.send(state)
