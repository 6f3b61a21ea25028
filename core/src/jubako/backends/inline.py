"""The inline backend: both halves of the dispatcher in one process, each runner in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from jubako.backends.replica import Replica
from jubako.contracts.backend import Backend, DispatchObserver, RunnerHandle, RunnerStatus
from jubako.dispatch.caller import CallerQueue
from jubako.dispatch.handle import MethodQueue, QueueHandle
from jubako.dispatch.observing import BatchObservers
from jubako.errors import NotFound
from jubako.payloads import PayloadTable
from jubako.plugins import Composition
from jubako.runners.options import effective_batch_options
from jubako.runners.placing import Placer
from jubako.runners.router import Binding
from jubako.runners.runner import RunnerDefinition
from jubako.settings import Settings
from jubako.values.placement import Placement


def open_backend(composition: Composition, settings: Settings) -> Backend:
    """Make the inline backend; nothing is started yet."""
    return InlineBackend(composition, settings)


class InlineBackend(Backend):
    """One replica a runner, whatever its `num_replica`: a runner object holds one model.

    Lives on the event loop that starts it.
    """

    def __init__(self, composition: Composition, settings: Settings) -> None:
        self._composition = composition
        self._settings = settings
        self._table = PayloadTable(composition)
        self._replicas: dict[str, _InlineReplica] = {}

    async def start(self, runners: Sequence[RunnerDefinition], observers: Sequence[DispatchObserver] = ()) -> None:
        """See `Backend`; models are loaded one after the other, each in its own thread."""
        heard_by = BatchObservers(observers)
        placer = Placer(self._composition, self._settings)
        try:
            for runner in runners:
                replica = _InlineReplica(runner, self._composition, self._settings, self._table, heard_by)
                self._replicas[runner.name] = replica
                await replica.start(placer.place_here(runner))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """See `Backend`."""
        replicas, self._replicas = list(self._replicas.values()), {}
        await asyncio.gather(*(replica.stop() for replica in replicas))

    def statuses(self) -> tuple[RunnerStatus, ...]:
        """See `Backend`."""
        return tuple(replica.status() for replica in self._replicas.values())

    def handle(self, runner_name: str) -> RunnerHandle:
        """See `Backend`."""
        if runner_name not in self._replicas:
            raise NotFound(f"runner {runner_name!r} was not started.", why=f"Started are {sorted(self._replicas)}.")
        return self._replicas[runner_name].handle


class _InlineReplica:
    """One runner with both halves for each of its methods."""

    def __init__(
        self,
        runner: RunnerDefinition,
        composition: Composition,
        settings: Settings,
        table: PayloadTable,
        observers: BatchObservers,
    ) -> None:
        self._runner = runner
        self._is_ready = False
        options = effective_batch_options(runner, settings)
        self._replica = Replica(runner, options, composition, table)
        methods = {}
        for name, spec in self._replica.specs.items():
            queue = CallerQueue(
                runner.name,
                options,
                joins_calls=spec.signature.batchable,
                is_idempotent=runner.is_idempotent,
                observers=observers,
            )
            queue.add_replica(self._replica.lanes[name].open_line)
            methods[name] = MethodQueue(spec, queue)
        self._queues = [method.queue for method in methods.values()]
        loop = asyncio.get_running_loop()
        self.handle = QueueHandle(
            runner_name=runner.name,
            loop=loop,
            methods=methods,
            options=options,
            table=table,
            run_past_queue=self._replica.run_past_lanes,
        )
        self._binding = Binding(loop, self.handle, options.timeout_s)

    async def start(self, placement: Placement) -> None:
        """Load the model in the thread that will run it, and send the runner's calls here."""
        await self._replica.set_up(placement)
        self._is_ready = True
        self._runner.router.bind(self._binding)

    async def stop(self) -> None:
        """Answer what is queued, close the runner and end its thread."""
        self._is_ready = False
        await asyncio.gather(*(queue.drain() for queue in self._queues))
        self._runner.router.unbind(self._binding)
        await self._replica.shut_down()

    def status(self) -> RunnerStatus:
        """Ready between `start` and `stop`."""
        return RunnerStatus(self._runner.name, self._is_ready, "" if self._is_ready else "the model is not loaded")
