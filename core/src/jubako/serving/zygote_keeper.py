"""`ZygoteKeeper`: the supervisor's side of the zygote, the process that replicas are forked from."""

from __future__ import annotations

import asyncio
import logging
import socket

from jubako.serving.children import Child, Reaper, link_pair, spawn
from jubako.serving.control import Fork, Ready, Record, WarmUp
from jubako.serving.metrics_desk import MetricsDesk
from jubako.serving.restarts import RestartRule, Restarts
from jubako.serving.system import describe_end
from jubako.settings import Settings
from jubako.values.plan import Plan

_logger = logging.getLogger(__name__)

_MODULE = "jubako.serving.zygote"
_ENDING_S = 1.0

# Threads that native libraries start when they are imported would be missing in a forked process, and their locks held.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")


class ZygoteKeeper:
    """Has one zygote at any time; one that dies is replaced, and its replicas live on.

    Args:
        settings: in force.
        rule: how patient to be with starts that fail.
        reaper: hears of ends.
        desk: counts them.
    """

    def __init__(self, settings: Settings, rule: RestartRule, reaper: Reaper, desk: MetricsDesk) -> None:
        self._settings = settings
        self._reaper = reaper
        self._desk = desk
        self._restarts = Restarts(rule)
        self._order: WarmUp | None = None
        self._orders: list[tuple[socket.socket, socket.socket]] = []
        self._child: Child | None = None
        self._told: Child | None = None
        self._ready_s: float | None = None
        # At once, so that it is up when the first worker has imported the target.
        self._keeping = asyncio.create_task(self._keep())

    @property
    def is_broken(self) -> bool:
        """True if zygotes die so often that replicas had better be spawned."""
        return self._restarts.is_broken

    def warm_up(self, plan: Plan) -> None:
        """Say what replicas will run; orders to fork are carried out after it."""
        modules = {module for runner in plan.runners for module in runner.preload}
        self._order = WarmUp(self._settings, tuple(sorted(modules)), plan.plugins)
        self._hand_over()

    def fork(self, link: socket.socket, listening: socket.socket) -> None:
        """Order a replica.

        If the zygote dies before it is forked, the link ends without a word.

        Args:
            link: the replica's end; the caller closes its own descriptor.
            listening: the socket that the replica listens on.
        """
        self._orders.append((link.dup(), listening.dup()))
        self._hand_over()

    async def stop(self) -> None:
        """End the zygote; replicas live on."""
        self._keeping.cancel()
        self._drop_orders()
        child = self._child
        if child is None:
            return
        if self._ready_s is None:
            # In the midst of its imports, which can take long, and of no use to anybody: nothing to wait for, or tell.
            child.kill()
            await asyncio.wait((child.ended,))
        else:
            child.end_link()
            await child.end_within(_ENDING_S)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._child = child = self._start()
            except OSError as error:
                wait_s = self._restarts.died(None)
                _logger.warning("the zygote could not be started: %s", error)
            else:
                self._hand_over()
                status = await asyncio.shield(child.ended)
                self._child = None
                wait_s = self._restarts.died(None if self._ready_s is None else loop.time() - self._ready_s)
                _logger.warning("the zygote ended %s; it is started again", describe_end(status))
            if self.is_broken:
                # Whoever waits for it tries again, and is spawned.
                self._drop_orders()
            await asyncio.sleep(wait_s)

    def _start(self) -> Child:
        ours, theirs = link_pair()
        child = Child("zygote", ours, self._reaper)
        self._ready_s = None
        child.hear(self._note_ready)
        self._desk.count_exit(child, "zygote")
        child.runs_as(spawn(_MODULE, theirs, environment=_ONE_THREAD))
        return child

    def _note_ready(self, record: Record) -> None:
        if isinstance(record, Ready):
            self._ready_s = asyncio.get_running_loop().time()

    def _hand_over(self) -> None:
        if self._child is None or self._order is None:
            return
        if self._told is not self._child:
            self._told = self._child
            self._child.link.send(self._order)
        for link, listening in self._orders:
            self._child.link.send(Fork(), (link, listening))
        self._drop_orders()

    def _drop_orders(self) -> None:
        for order in self._orders:
            for each in order:
                each.close()
        self._orders.clear()
