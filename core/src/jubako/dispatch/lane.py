"""`Lane`: the half of the dispatcher beside the model, for one method of one replica.

It takes calls from all API workers at once, keeps those that wait in order and by what fits together, asks the policy
when to send how many, and gives each worker credit for the rows it started.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Hashable, Sequence

import attrs

from jubako.contracts.backend import BatchRecord
from jubako.contracts.batch_policy import CostModel, QueueView
from jubako.dispatch.compute import ComputeThread
from jubako.dispatch.cost import LearnedCost
from jubako.dispatch.guarded_policy import GuardedPolicy, MakePolicy
from jubako.dispatch.isolation import BatchOutcome, IsolatedBatch
from jubako.dispatch.messages import Answer, Line, Receiver, SentCall
from jubako.values.resources import BatchOptions

_log = logging.getLogger("jubako.dispatch")


@attrs.define(eq=False)
class _Waiting:
    """A call in a lane."""

    call: SentCall
    line: _LaneLine
    arrived_s: float
    is_dropped: bool = False
    is_taken: bool = False


@attrs.define(eq=False)
class _Group:
    """Calls that fit together, oldest first."""

    key: Hashable
    calls: deque[_Waiting] = attrs.field(factory=deque)
    rows: int = 0
    size_bytes: int = 0

    @property
    def must_be_alone(self) -> bool:
        """True for a call that a replica died of, perhaps: nothing else may be computed beside it."""
        return self.calls[0].call.tries > 0


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
        self._limit_rows = options.max_batch_size
        self._policy = GuardedPolicy(make_policy, options, self.cost, name=policy_name, runner_name=runner_name)
        self._compute = compute
        self._batch = batch
        self._order: deque[_Waiting] = deque()
        self._groups: dict[Hashable, _Group] = {}
        self._waiting_rows = 0
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        compute.when_room(self.pump)

    @property
    def is_idle(self) -> bool:
        """True if nothing waits and nothing runs."""
        return not self._groups and not self._running

    @property
    def limit_rows(self) -> int:
        """The largest batch at present: the option, or less once a device had no room for it."""
        return self._limit_rows

    def open_line(self, receiver: Receiver) -> Line:
        """Let one more caller queue send here; it gets credit for one full batch at once."""
        line = _LaneLine(self, receiver)
        receiver.credited(self._options.max_batch_size)
        return line

    def add(self, line: _LaneLine, calls: Sequence[SentCall]) -> None:
        """Take calls in and look whether a batch can be sent."""
        now_s = time.monotonic()
        for call in calls:
            waiting = _Waiting(call, line, now_s)
            line.waiting[call.number] = waiting
            # A call that fits nothing is a group of its own.
            key = waiting if call.arguments.fit_key is None else call.arguments.fit_key
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group(key)
            group.calls.append(waiting)
            group.rows += call.arguments.rows
            group.size_bytes += call.arguments.size_bytes
            self._order.append(waiting)
            self._waiting_rows += call.arguments.rows
        self.pump()

    def drop(self, waiting: _Waiting) -> None:
        """Forget a call: if it waits it is not computed, if it runs its answer is thrown away."""
        waiting.is_dropped = True
        if not waiting.is_taken:
            self._remove(waiting)

    def pump(self) -> None:
        """Send as many batches as the policy and the thread allow."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._compute.has_room:
            group = self._oldest_group()
            if group is None or (group.must_be_alone and not self._compute.is_idle):
                return
            now_s = time.monotonic()
            decision = self._policy.decide(self._view(group), now_s)
            if not decision.send:
                if decision.look_again_s is not None:
                    loop = asyncio.get_running_loop()
                    self._timer = loop.call_later(max(0.0, decision.look_again_s - now_s), self.pump)
                return
            self._send(self._take(group, decision.max_rows), now_s)

    def _oldest_group(self) -> _Group | None:
        order = self._order
        while order and (order[0].is_taken or order[0].is_dropped):
            order.popleft()
        if not order:
            return None
        call = order[0].call
        return self._groups[order[0] if call.arguments.fit_key is None else call.arguments.fit_key]

    def _view(self, group: _Group) -> QueueView:
        options = self._options
        is_full = group.rows >= self._limit_rows or group.size_bytes >= options.max_batch_bytes
        return QueueView(
            waiting_rows=max(1, self._waiting_rows),
            limit_rows=self._limit_rows,
            # Holding a call that nothing can join is waiting for nothing.
            is_full=is_full or isinstance(group.key, _Waiting),
            oldest_arrival_s=group.calls[0].arrived_s,
            running_batches=self._running,
        )

    def _take(self, group: _Group, max_rows: int | None) -> list[_Waiting]:
        limit_rows = self._limit_rows if max_rows is None else min(max_rows, self._limit_rows)
        batch: list[_Waiting] = []
        rows = size_bytes = 0
        while group.calls:
            arguments = group.calls[0].call.arguments
            rows += arguments.rows
            size_bytes += arguments.size_bytes
            # The first call is always taken, however large: it cannot be made smaller by waiting.
            if batch and (rows > limit_rows or size_bytes > self._options.max_batch_bytes):
                break
            waiting = group.calls.popleft()
            self._subtract(group, waiting)
            waiting.is_taken = True
            batch.append(waiting)
        return batch

    def _remove(self, waiting: _Waiting) -> None:
        fit_key = waiting.call.arguments.fit_key
        group = self._groups[waiting if fit_key is None else fit_key]
        group.calls.remove(waiting)
        self._subtract(group, waiting)

    def _subtract(self, group: _Group, waiting: _Waiting) -> None:
        arguments = waiting.call.arguments
        group.rows -= arguments.rows
        group.size_bytes -= arguments.size_bytes
        self._waiting_rows -= arguments.rows
        if not group.calls:
            del self._groups[group.key]

    def _send(self, batch: list[_Waiting], now_s: float) -> None:
        rows = sum(waiting.call.arguments.rows for waiting in batch)
        queue_s = tuple(now_s - waiting.call.queued_s for waiting in batch)
        waiting_rows = rows + self._waiting_rows
        self._running += 1
        self._policy.batch_sent(rows, now_s)
        calls = [waiting.call for waiting in batch]
        limit_rows = self._limit_rows
        started: dict[_LaneLine, list[int]] = {}
        for waiting in batch:
            started.setdefault(waiting.line, []).append(waiting.call.number)
        for line, numbers in started.items():
            line.receiver.started(numbers)
        self._compute.submit(
            lambda: self._batch.begin(calls, limit_rows, lambda position: batch[position].is_dropped),
            lambda outcome: self._returned(batch, rows, queue_s, waiting_rows, outcome),
            until_s=max([call.deadline_s for call in calls]),
            is_alone=calls[0].tries > 0,
        )

    def _returned(
        self, batch: list[_Waiting], rows: int, queue_s: tuple[float, ...], waiting_rows: int, outcome: BatchOutcome
    ) -> None:
        self._running -= 1
        if outcome.is_clean and outcome.computed_rows:
            # Not all rows of the batch: what was late cost nothing, and would make the model look fast.
            self.cost.learn(outcome.computed_rows, outcome.compute_s)
        if outcome.too_many_rows is not None:
            self._limit_rows = max(1, min(self._limit_rows, outcome.too_many_rows // 2))
            _log.warning(
                "runner %r had no room for a batch of %d rows of %r; the limit is %d from now on",
                self._runner_name, outcome.too_many_rows, self._method, self._limit_rows,
            )  # fmt: skip
        self._policy.batch_returned(rows, outcome.compute_s, self._waiting_rows, time.monotonic())
        # Before the answers, so that who reads the metrics after an answer finds its batch there.
        batch[0].line.receiver.batch_returned(
            BatchRecord(
                self._runner_name, self._method, rows, len(batch), queue_s, outcome.compute_s,
                is_ok=all(answer.error is None for answer in outcome.answers.values()),
                waiting_rows=waiting_rows,
            )
        )  # fmt: skip
        self._answer(batch, outcome)

    def _answer(self, batch: list[_Waiting], outcome: BatchOutcome) -> None:
        by_line: dict[_LaneLine, list[Answer]] = {}
        for position, waiting in enumerate(batch):
            # A call that was taken back and sent again waits under its number a second time.
            if waiting.line.waiting.get(waiting.call.number) is waiting:
                del waiting.line.waiting[waiting.call.number]
            answer = outcome.answers.get(position)
            if answer is not None and not waiting.is_dropped:
                by_line.setdefault(waiting.line, []).append(answer)
        for line, answers in by_line.items():
            line.receiver.answered(answers)


class _LaneLine:
    """The line of one caller queue."""

    def __init__(self, lane: Lane, receiver: Receiver) -> None:
        self.cost: CostModel = lane.cost
        self.receiver = receiver
        self.waiting: dict[int, _Waiting] = {}
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
