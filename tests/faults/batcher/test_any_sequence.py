"""Whatever happens, in whatever order: every call ends exactly once, with its own answer or an error that is due."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from jubako.contracts.backend import RunnerCall
from jubako.dispatch.adaptive import AdaptivePolicy
from jubako.dispatch.caller import CallerQueue
from jubako.dispatch.compute import ComputeThread
from jubako.dispatch.handle import MethodQueue, QueueHandle
from jubako.dispatch.immediate import ImmediatePolicy
from jubako.dispatch.isolation import IsolatedBatch
from jubako.dispatch.lane import Lane
from jubako.errors import BatchTooLarge, DeadlineExceeded, RunnerFailed, ServiceUnavailable, TooManyRequests
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.runners import Runner
from jubako.runners.execution import Share, run_calls
from jubako.values.resources import BatchOptions

PATIENCE_S = 60.0
TABLE = PayloadTable(compose(candidates=()))


class Stepped(Runner):
    """Negates rows, one batch a permit; fails of rows that are not a number, and of more rows than fit."""

    def __init__(self) -> None:
        super().__init__("stepped")
        self.permits = threading.Semaphore(0)
        self.is_free = False
        self.passed = 0
        self.fits = 1000

    def _setup(self) -> None:
        pass

    def _run_batch(self, rows):
        if not self.is_free:
            self.permits.acquire(timeout=PATIENCE_S)
        self.passed += 1
        if len(rows) > self.fits:
            raise BatchTooLarge("no room")
        if np.isnan(rows).any():
            raise ValueError("not a number")
        return -rows


@attrs.define(eq=False)
class Asked:
    """One call and what may become of it."""

    rows: np.ndarray
    task: asyncio.Future[Any]
    may_be_late: bool
    is_withdrawn: bool = False
    losses: int = 0


class Wire:
    """Between a lane and a queue; nothing comes through once it is cut, as when the replica's process is killed."""

    def __init__(self, receiver: Any, lane: Lane, thread: ComputeThread) -> None:
        self.receiver = receiver
        self.lane = lane
        self.thread = thread
        self.is_cut = False
        self.line = lane.open_line(self)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: None if self.is_cut else getattr(self.receiver, name)(*arguments)


class AnySequence(RuleBasedStateMachine):
    """Both halves of the dispatcher on a loop that turns when a rule says so."""

    examples = 0
    calls = 0

    @initialize(
        limit=st.integers(1, 9),
        policy=st.sampled_from([AdaptivePolicy, ImmediatePolicy]),
        replicas=st.integers(1, 2),
        queue_rows=st.sampled_from([12, 4096]),
    )
    def begin(self, limit: int, policy: Any, replicas: int, queue_rows: int) -> None:
        type(self).examples += 1
        self.loop = asyncio.new_event_loop()
        self.troubles: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.troubles.append(context))
        self.runner = Stepped()
        self.policy = policy
        self.options = BatchOptions(max_batch_size=limit, max_queue_rows=queue_rows)
        self.spec = self.runner.find_method("run", self.options)
        self.queue = CallerQueue("stepped", self.options)
        self.wires: list[Wire] = []
        self.threads: list[ComputeThread] = []
        self.asked: list[Asked] = []
        self.had_outage = False
        self.run(self._add_replicas(replicas))
        self.handle = QueueHandle(
            runner_name="stepped",
            loop=self.loop,
            methods={"run": MethodQueue(self.spec, self.queue)},
            options=self.options,
            table=TABLE,
            run_past_queue=None,
        )

    @rule(
        rows=st.lists(st.integers(1, 5), min_size=1, max_size=6),
        bad=st.sampled_from([None, None, 0, 2]),
        timeout_s=st.sampled_from([60.0, 60.0, 60.0, 0.01]),
    )
    def ask(self, rows: list[int], bad: int | None, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        for place, count in enumerate(rows):
            values = np.full((count, 1), float(len(self.asked)))
            if place == bad:
                values[-1] = np.nan
            task = self.loop.create_task(self.handle.call(RunnerCall("run", (values,), {}, False, deadline_s)))
            self.asked.append(Asked(values, task, may_be_late=timeout_s < 1))

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 1000))
    def leave(self, which: int) -> None:
        asked = self.asked[which % len(self.asked)]
        asked.is_withdrawn = asked.task.cancel() or asked.is_withdrawn

    @rule(turns=st.integers(1, 4))
    def turn(self, turns: int) -> None:
        self.run(_turns(turns))

    @rule(batches=st.integers(1, 4))
    def compute(self, batches: int) -> None:
        target = self.runner.passed + batches
        for _ in range(batches):
            self.runner.permits.release()
        self.run(self._until(lambda: self.runner.passed >= target or all(wire.lane.is_idle for wire in self.wires)))

    @rule()
    def let_time_pass(self) -> None:
        self.run(asyncio.sleep(0.012))

    @rule(fits=st.integers(1, 12))
    def shrink_device(self, fits: int) -> None:
        self.runner.fits = fits

    @precondition(lambda self: self.wires)
    @rule(which=st.integers(0, 10), is_replaced=st.booleans())
    def lose_replica(self, which: int, is_replaced: bool) -> None:
        wire = self.wires.pop(which % len(self.wires))
        wire.is_cut = True
        for asked in self.asked:
            asked.losses += 1
        self.run(self._lose(wire, is_replaced or not self.wires))

    @precondition(lambda self: self.wires)
    @rule(which=st.integers(0, 10), is_silent=st.booleans())
    def be_silent(self, which: int, is_silent: bool) -> None:
        wire = self.wires[which % len(self.wires)]
        self.run(_say(lambda: wire.silent(is_silent)))

    @rule()
    def run_out_of_replicas(self) -> None:
        self.had_outage = True
        wires, self.wires = self.wires, []
        for wire in wires:
            wire.is_cut = True
        for asked in self.asked:
            asked.losses += 1
        self.run(self._outage(wires))
        self.run(self._add_replicas(1))

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self.runner.is_free = True
            self.runner.permits.release(1000)
            self.run(self._finish())
            for asked in self.asked:
                self._check(asked)
            assert not self.troubles, self.troubles
            assert self.queue.is_idle
            assert self.queue.queued_rows == 0
            assert all(wire.lane.is_idle for wire in self.wires)
            # Nobody has kept a credit, or given one twice: capacity is as on the first day.
            assert [wire.receiver.credit_rows for wire in self.wires] == [self.options.max_batch_size] * len(self.wires)
            type(self).calls += len(self.asked)
        finally:
            for thread in self.threads:
                thread.stop()
            self.loop.close()

    def run(self, coroutine: Any) -> None:
        self.loop.run_until_complete(coroutine)

    def _check(self, asked: Asked) -> None:
        if asked.task.cancelled():
            assert asked.is_withdrawn
            return
        error = asked.task.exception()
        if error is None:
            np.testing.assert_array_equal(asked.task.result(), -asked.rows)
        elif isinstance(error, RunnerFailed):
            assert np.isnan(asked.rows).any() or asked.losses > 1, error
        elif isinstance(error, DeadlineExceeded):
            assert asked.may_be_late, error
        elif isinstance(error, ServiceUnavailable):
            assert self.had_outage, error
        else:
            assert isinstance(error, TooManyRequests), error

    async def _add_replicas(self, count: int) -> None:
        for _ in range(count):
            thread = ComputeThread("stepped", self.loop)
            lane = Lane(
                runner_name="stepped",
                method="run",
                options=self.options,
                make_policy=self.policy,
                policy_name="the test's",
                compute=thread,
                batch=IsolatedBatch(
                    "stepped", lambda calls: run_calls(self.runner, self.spec, calls, TABLE), _joined
                ),
            )  # fmt: skip
            self.threads.append(thread)

            def connect(receiver: Any, lane: Lane = lane, thread: ComputeThread = thread) -> Any:
                self.wires.append(Wire(receiver, lane, thread))
                return self.wires[-1].line

            self.queue.add_replica(connect)

    async def _lose(self, wire: Wire, is_replaced: bool) -> None:
        wire.line.close()
        wire.receiver.lost("killed")
        if is_replaced:
            await self._add_replicas(1)

    async def _outage(self, wires: list[Wire]) -> None:
        for wire in wires:
            wire.line.close()
            wire.receiver.lost("killed")
        self.queue.set_outage("they die")
        await _turns(1)
        self.queue.set_outage(None)

    async def _finish(self) -> None:
        for wire in self.wires:
            wire.silent(False)
        if self.asked:
            await asyncio.wait([asked.task for asked in self.asked], timeout=PATIENCE_S)
        assert all(asked.task.done() for asked in self.asked), "a call has not ended"
        await self._until(lambda: all(thread.is_idle for thread in self.threads))
        await _turns(2)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        ends_s = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < ends_s
            await asyncio.sleep(0.0005)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _say(what: Callable[[], None]) -> None:
    what()


def _joined(shares: Any) -> Share:
    return Share(np.concatenate([share.take() for share in shares]))


@pytest.mark.quick
@pytest.mark.row("any-sequence")
@pytest.mark.timeout(600)
def test_every_call_ends_once_with_its_own_answer_whatever_happens(figures, length):
    AnySequence.examples = AnySequence.calls = 0
    count = int(length(60, 2000))
    run_state_machine_as_test(AnySequence, settings=settings(max_examples=count, stateful_step_count=40))
    figures(sequences=AnySequence.examples, calls=AnySequence.calls, lost_or_answered_twice=0)
