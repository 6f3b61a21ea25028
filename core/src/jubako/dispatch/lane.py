"""`Lane`: the half of the dispatcher beside the model, for one method of one replica.

It takes calls from all API workers at once, keeps those that wait in order and by what fits together, asks the policy
when to send how many, and gives each worker credit for the rows it started.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from jubako.contracts.backend import BatchRecord
from jubako.contracts.batch_policy import CostModel, QueueView
from jubako.contracts.runner import CallJoiner
from jubako.dispatch.compute import ComputeThread
from jubako.dispatch.cost import LearnedCost
from jubako.dispatch.guarded_policy import GuardedPolicy, MakePolicy
from jubako.dispatch.isolation import IsolatedBatch
from jubako.dispatch.limit import BatchLimit
from jubako.dispatch.messages import Answer, Line, Receiver, SentCall
from jubako.dispatch.outcome import BatchOutcome
from jubako.dispatch.waiting import Group, LineState, Waiting, WaitingCalls
from jubako.values.batch_profile import BatchProfile
from jubako.values.resources import BatchOptions

_log = logging.getLogger("jubako.dispatch")


class Lane:
    """Forms batches for one method; lives on one event loop and is safe on that loop only.

    Args:
        runner_name: for records and messages.
        method: the method's name.
        options: limits and waits.
        make_policy: makes the policy from the options and the cost model.
        policy_name: the policy's, and whose it is, for the log.
        compute: the replica's thread, shared by the lanes of all methods.
        batch: what runs a batch in that thread.
    """

    def __init__(
        self,
        *,
        runner_name: str,
        method: str,
        options: BatchOptions,
        make_policy: MakePolicy,
        policy_name: str,
        compute: ComputeThread,
        batch: IsolatedBatch,
    ) -> None:
        self.cost = LearnedCost()
        self._runner_name = runner_name
        self._method = method
        self._options = options
        self._limit = BatchLimit(options.max_batch_size)
        # What the log was told last, and whether it was told that the limit is being looked for.
        self._told_rows = options.max_batch_size
        self._is_search_told = False
        self._policy = GuardedPolicy(make_policy, options, self.cost, name=policy_name, runner_name=runner_name)
        self._compute = compute
        self._batch = batch
        self._waiting = WaitingCalls(runner_name, method)
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        compute.when_room(self.pump)

    @property
    def is_idle(self) -> bool:
        """True if nothing waits and nothing runs."""
        return self._waiting.is_empty and not self._running

    @property
    def limit_rows(self) -> int:
        """The largest batch at present: the option, or less if the device has no room for it."""
        return self._limit.rows

    def model_ready(self, joiner: CallJoiner | None, profile: BatchProfile | None) -> None:
        """Learn what the runner does and knows by itself, once it is set up and before the first call.

        Args:
            joiner: joins the method's calls; None leaves that to their payload types.
            profile: what was measured of the device.
        """
        self._waiting.joiner = joiner
        if profile is not None:
            self._limit = BatchLimit(self._options.max_batch_size, profile.limit_rows)
            self._told_rows = self._limit.rows
            self.cost.expect(profile.sizes)
            self._policy.profile_known(profile)

    def open_line(self, receiver: Receiver) -> Line:
        """Let one more caller queue send here; it gets credit for one full batch at once."""
        line = _LaneLine(self, receiver)
        receiver.credited(self._options.max_batch_size)
        return line

    def add(self, line: _LaneLine, calls: Sequence[SentCall]) -> None:
        """Take calls in and look whether a batch can be sent."""
        self._waiting.add(line, calls, time.monotonic())
        self.pump()

    def drop(self, waiting: Waiting) -> None:
        """Forget a call: if it waits it is not computed, if it runs its answer is thrown away."""
        self._waiting.drop(waiting)

    def pump(self) -> None:
        """Send as many batches as the policy and the thread allow."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._compute.has_room:
            group = self._waiting.oldest_group()
            if group is None or (group.must_be_alone and not self._compute.is_idle):
                return
            now_s = time.monotonic()
            decision = self._policy.decide(self._view(group), now_s)
            if not decision.send:
                if decision.look_again_s is not None:
                    loop = asyncio.get_running_loop()
                    self._timer = loop.call_later(max(0.0, decision.look_again_s - now_s), self.pump)
                return
            self._send(group, decision.max_rows, now_s)

    def _view(self, group: Group) -> QueueView:
        limit_rows = self._limit.rows
        is_full = group.rows >= limit_rows or group.size_bytes >= self._options.max_batch_bytes
        return QueueView(
            waiting_rows=max(1, self._waiting.rows),
            limit_rows=limit_rows,
            # Holding a call that nothing can join is waiting for nothing.
            is_full=is_full or not group.is_open,
            oldest_arrival_s=group.calls[0].arrived_s,
            running_batches=self._running,
        )

    def _send(self, group: Group, max_rows: int | None, now_s: float) -> None:
        limit_rows = self._limit.rows
        batch = self._waiting.take(
            group, limit_rows if max_rows is None else min(max_rows, limit_rows), self._options.max_batch_bytes
        )
        rows = sum(waiting.call.arguments.rows for waiting in batch)
        queue_s = tuple(now_s - waiting.call.queued_s for waiting in batch)
        waiting_rows = rows + self._waiting.rows
        is_full = rows >= limit_rows or (
            len(group.calls) > 0 and rows + group.calls[0].call.arguments.rows > limit_rows
        )
        self._running += 1
        self._policy.batch_sent(rows, now_s)
        calls = [waiting.call for waiting in batch]
        started: dict[LineState, list[int]] = {}
        for waiting in batch:
            started.setdefault(waiting.line, []).append(waiting.call.number)
        for line, numbers in started.items():
            line.receiver.started(numbers)
        self._compute.submit(
            lambda: self._batch.begin(calls, limit_rows, lambda position: batch[position].is_dropped),
            lambda outcome: self._returned(batch, rows, queue_s, waiting_rows, is_full, outcome),
            until_s=max([call.deadline_s for call in calls]),
            is_alone=calls[0].tries > 0,
        )

    def _returned(
        self,
        batch: list[Waiting],
        rows: int,
        queue_s: tuple[float, ...],
        waiting_rows: int,
        is_full: bool,
        outcome: BatchOutcome,
    ) -> None:
        self._running -= 1
        if outcome.is_clean and outcome.computed_rows:
            # Not all rows of the batch: what was late cost nothing, and would make the model look fast.
            self.cost.learn(outcome.computed_rows, outcome.compute_s)
        if is_full or outcome.too_many_rows is not None or outcome.fitting_rows > self._limit.fitting_rows:
            self._limit.learn(outcome.fitting_rows, outcome.too_many_rows, is_full=is_full)
            self._tell_limit(outcome.too_many_rows)
        self._policy.batch_returned(rows, outcome.compute_s, self._waiting.rows, time.monotonic())
        # Before the answers, so that who reads the metrics after an answer finds its batch there.
        batch[0].line.receiver.batch_returned(
            BatchRecord(
                self._runner_name, self._method, rows, len(batch), queue_s, outcome.compute_s,
                is_ok=all(answer.error is None for answer in outcome.answers.values()),
                waiting_rows=waiting_rows,
            )
        )  # fmt: skip
        self._answer(batch, outcome)

    def _tell_limit(self, failing_rows: int | None) -> None:
        """Log that the limit falls, and what it comes to; not each step, and not what was tried in vain."""
        rows = self._limit.rows
        if failing_rows is not None and rows < self._told_rows and not self._is_search_told:
            _log.warning(
                "runner %r had no room for a batch of %d rows of %r; the limit is %d from now on",
                self._runner_name, failing_rows, self._method, rows,
            )  # fmt: skip
            self._told_rows = rows
            self._is_search_told = True
        if self._limit.is_settled:
            if rows != self._told_rows:
                _log.info("runner %r has room for batches of %d rows of %r", self._runner_name, rows, self._method)
            self._told_rows = rows
            self._is_search_told = False

    def _answer(self, batch: list[Waiting], outcome: BatchOutcome) -> None:
        by_line: dict[LineState, list[Answer]] = {}
        for position, waiting in enumerate(batch):
            # A call that was taken back and sent again waits under its number a second time.
            if waiting.line.waiting.get(waiting.call.number) is waiting:
                del waiting.line.waiting[waiting.call.number]
            answer = outcome.answers.get(position)
            if answer is not None and not waiting.is_dropped:
                by_line.setdefault(waiting.line, []).append(answer)
        for line, answers in by_line.items():
            line.receiver.answered(answers)


class _LaneLine(LineState):
    """The line of one caller queue."""

    def __init__(self, lane: Lane, receiver: Receiver) -> None:
        super().__init__(receiver)
        self.cost: CostModel = lane.cost
        self._lane = lane

    def send(self, calls: Sequence[SentCall]) -> None:
        """See `Line`."""
        self._lane.add(self, calls)

    def withdraw(self, numbers: Sequence[int]) -> None:
        """See `Line`."""
        for number in numbers:
            waiting = self.waiting.pop(number, None)
            if waiting is not None:
                self._lane.drop(waiting)

    def close(self) -> None:
        """See `Line`."""
        self.withdraw(list(self.waiting))
