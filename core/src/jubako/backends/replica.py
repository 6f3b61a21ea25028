"""`Replica`: one loaded runner, its thread, and the replica's half of the dispatcher for each of its methods."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jubako.contracts.offers import BatchPolicyType
from jubako.dispatch.compute import ComputeThread
from jubako.dispatch.isolation import IsolatedBatch
from jubako.dispatch.lane import Lane
from jubako.dispatch.messages import SentCall
from jubako.errors import JubakoError
from jubako.payloads import PayloadTable
from jubako.plugins import Composition
from jubako.runners.arguments import CallArguments
from jubako.runners.execution import RunningCalls, Share, ask_profile, begin_calls, joiner_of, set_up, shut_down
from jubako.runners.runner import RunnerDefinition
from jubako.runners.specs import MethodSpec
from jubako.values.batch_profile import BatchProfile
from jubako.values.placement import Placement
from jubako.values.resources import BatchOptions

_log = logging.getLogger("jubako.backends")


class Replica:
    """A runner object and what computes with it; lives on the event loop that makes it.

    Args:
        runner: the object that is loaded; no other replica may have the same.
        options: those in force.
        composition: where the batch policy comes from.
        table: the payload types.

    Attributes:
        specs: the runner's methods by name.
        lanes: method name to what forms its batches.
    """

    def __init__(
        self, runner: RunnerDefinition, options: BatchOptions, composition: Composition, table: PayloadTable
    ) -> None:
        self._runner = runner
        self._options = options
        self._table = table
        self._is_set_up = False
        policy = composition.find(BatchPolicyType, options.policy)
        make_policy = composition.resolve(policy, "policy")
        policy_name = f"{policy.name!r} of plugin {composition.provider(policy).name}"
        self.specs: Mapping[str, MethodSpec] = runner.methods(options)
        self._compute = ComputeThread(f"jubako-{runner.name}", asyncio.get_running_loop())
        self.lanes: Mapping[str, Lane] = {
            name: Lane(
                runner_name=runner.name,
                method=name,
                options=options,
                make_policy=make_policy,
                policy_name=policy_name,
                compute=self._compute,
                batch=self._isolated(spec),
            )
            for name, spec in self.specs.items()
        }

    @property
    def is_idle(self) -> bool:
        """True if no call waits and no batch runs."""
        return all(lane.is_idle for lane in self.lanes.values())

    def when_progress(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the loop each time a batch has ended and the next ones were taken up."""
        self._compute.when_room(callback)

    def when_begun(self, callback: Callable[[float], None]) -> None:
        """Call `callback` on the loop with each batch that is taken up: when its last call ends."""
        self._compute.when_begun(callback)

    @property
    def running_until_s(self) -> float | None:
        """When the last call of the batch that is computed ends; None if none is."""
        return self._compute.running_until_s

    async def set_up(self, placement: Placement) -> None:
        """Load the model in the thread that will run it.

        Raises:
            RunnerFailed: the runner's `_setup` or `batch_profile` raised; an error of Jubako passes as it is.
        """
        await asyncio.wrap_future(self._compute.run(lambda: set_up(self._runner, placement)))
        self._is_set_up = True
        profiles = await asyncio.wrap_future(self._compute.run(self._ask_profiles))
        for name, lane in self.lanes.items():
            lane.model_ready(joiner_of(self._runner, self.specs[name]), profiles[name])

    def _ask_profiles(self) -> dict[str, BatchProfile | None]:
        return {name: ask_profile(self._runner, name) for name in self.specs}

    async def shut_down(self) -> None:
        """Close the runner, if it was loaded, and end its thread; may be called twice."""
        was_set_up, self._is_set_up = self._is_set_up, False
        if was_set_up:
            try:
                await asyncio.wrap_future(self._compute.run(lambda: shut_down(self._runner)))
            except JubakoError:
                # The model is going away in any case; the other runners must still be closed.
                _log.exception("runner %r did not shut down cleanly", self._runner.name)
        self._compute.stop()

    def run_past_lanes(self, spec: MethodSpec, call: SentCall) -> concurrent.futures.Future[Any]:
        """Compute one call alone, after what runs already; needs no turn of the loop."""

        def run() -> Any:
            answer = self._isolated(spec).run([call], self._options.max_batch_size, lambda _: False).answers[0]
            if answer.share is None:
                raise answer.error or RuntimeError("an answer has a share or an error")
            return answer.share.take()

        return self._compute.run(run)

    def _isolated(self, spec: MethodSpec) -> IsolatedBatch:
        def compute(calls: Sequence[CallArguments]) -> tuple[list[Share], float] | RunningCalls:
            return begin_calls(self._runner, spec, calls, self._table)

        def join(shares: Sequence[Share]) -> Share:
            values = [share.take() for share in shares]
            return Share(self._table.for_value(values[0]).join(values, spec.signature.output_batch_axis))

        return IsolatedBatch(
            runner_name=self._runner.name,
            compute=compute,
            join=join,
            input_axis=spec.signature.input_batch_axis,
            is_idempotent=self._runner.is_idempotent,
            wait=self._compute.wait_for,
        )
