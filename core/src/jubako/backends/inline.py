"""The inline backend: both halves of the dispatcher in one process, each runner in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Sequence
from typing import Any

from jubako.contracts.backend import Backend, DispatchObserver, RunnerHandle, RunnerStatus
from jubako.contracts.offers import BatchPolicyType
from jubako.dispatch.caller import CallerQueue
from jubako.dispatch.compute import ComputeThread
from jubako.dispatch.handle import MethodQueue, QueueHandle
from jubako.dispatch.isolation import IsolatedBatch
from jubako.dispatch.lane import Lane
from jubako.dispatch.messages import SentCall
from jubako.errors import JubakoError, NotFound
from jubako.payloads import PayloadTable
from jubako.plugins import Composition
from jubako.runners.arguments import CallArguments
from jubako.runners.execution import run_calls, set_up, shut_down
from jubako.runners.machine import discover_machine
from jubako.runners.methods import MethodSpec
from jubako.runners.options import effective_batch_options, effective_resource_quota
from jubako.runners.router import Binding
from jubako.runners.runner import RunnerDefinition
from jubako.settings import Settings
from jubako.values.placement import place_on_cpu

_log = logging.getLogger("jubako.backends")


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
        try:
            for runner in runners:
                replica = _InlineReplica(runner, self._composition, self._settings, self._table, observers)
                self._replicas[runner.name] = replica
                await replica.start()
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
    """One runner, its thread, and both halves for each of its methods."""

    def __init__(
        self,
        runner: RunnerDefinition,
        composition: Composition,
        settings: Settings,
        table: PayloadTable,
        observers: Sequence[DispatchObserver],
    ) -> None:
        self._runner = runner
        self._loop = asyncio.get_running_loop()
        self._table = table
        self._quota = effective_resource_quota(runner, settings)
        self._is_ready = False
        options = self._options = effective_batch_options(runner, settings)
        make_policy = composition.resolve(composition.find(BatchPolicyType, options.policy), "policy")
        # After all that can fail: nobody would end the thread of a replica that was not made.
        self._compute = ComputeThread(f"jubako-{runner.name}", self._loop)
        self._queues: list[CallerQueue] = []
        methods = {}
        for name, spec in runner.methods(options).items():
            lane = Lane(
                runner_name=runner.name,
                method=name,
                options=options,
                make_policy=make_policy,
                compute=self._compute,
                batch=self._isolated(spec),
                observers=observers,
            )
            queue = CallerQueue(runner.name, options)
            queue.add_replica(lane.open_line)
            self._queues.append(queue)
            methods[name] = MethodQueue(spec, queue)
        self.handle = QueueHandle(
            runner_name=runner.name,
            loop=self._loop,
            methods=methods,
            options=options,
            table=table,
            run_past_queue=self._run_past_queue,
        )
        self._binding = Binding(self._loop, self.handle, options.timeout_s)

    async def start(self) -> None:
        """Load the model in the thread that will run it, and send the runner's calls here."""
        placement = place_on_cpu(self._quota, discover_machine(), 1)[0]
        await asyncio.wrap_future(self._compute.run(lambda: set_up(self._runner, placement)))
        self._is_ready = True
        self._runner.router.bind(self._binding)

    async def stop(self) -> None:
        """Answer what is queued, close the runner and end its thread."""
        was_ready, self._is_ready = self._is_ready, False
        await asyncio.gather(*(queue.drain() for queue in self._queues))
        self._runner.router.unbind(self._binding)
        if was_ready:
            try:
                await asyncio.wrap_future(self._compute.run(lambda: shut_down(self._runner)))
            except JubakoError:
                # The model is going away in any case; the other runners must still be closed.
                _log.exception("runner %r did not shut down cleanly", self._runner.name)
        self._compute.stop()

    def status(self) -> RunnerStatus:
        """Ready between `start` and `stop`."""
        return RunnerStatus(self._runner.name, self._is_ready, "" if self._is_ready else "the model is not loaded")

    def _isolated(self, spec: MethodSpec) -> IsolatedBatch:
        def compute(calls: Sequence[CallArguments]) -> tuple[list[Any], float]:
            return run_calls(self._runner, spec, calls, self._table)

        def join(values: Sequence[Any]) -> Any:
            return self._table.for_value(values[0]).join(values, spec.signature.output_batch_axis)

        return IsolatedBatch(
            runner_name=self._runner.name,
            compute=compute,
            join=join,
            input_axis=spec.signature.input_batch_axis,
            is_idempotent=self._runner.is_idempotent,
        )

    def _run_past_queue(
        self, spec: MethodSpec, arguments: CallArguments, deadline_s: float
    ) -> concurrent.futures.Future[Any]:
        def run() -> Any:
            call = SentCall(0, arguments, deadline_s, time.monotonic())
            answer = self._isolated(spec).run([call], self._options.max_batch_size, lambda _: False).answers[0]
            if answer.error is not None:
                raise answer.error
            return answer.value

        return self._compute.run(run)
