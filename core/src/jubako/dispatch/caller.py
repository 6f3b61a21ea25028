"""`CallerQueue`: the half of the dispatcher beside the caller, for one method of one runner.

It keeps calls in order and within bounds, ends those whose deadline passes or whose caller leaves, chooses a replica,
and sends what waits as soon as there is credit.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import attrs

from jubako.dispatch.isolation import late
from jubako.dispatch.messages import Answer, Line, OpenLine, SentCall
from jubako.errors import DeadlineExceeded, ServiceUnavailable, TooManyRequests
from jubako.runners.arguments import CallArguments
from jubako.values.resources import BatchOptions

# What was refused for its expected cost cannot teach otherwise; so long after the last answer one call is let through.
_PROBE_AFTER_S = 1.0


class Waiter(Protocol):
    """Where an answer goes; both kinds of Python's futures are waiters."""

    def done(self) -> bool:
        """True if nobody waits any more."""

    def set_result(self, result: Any, /) -> None:
        """Give the answer."""

    def set_exception(self, exception: BaseException, /) -> None:
        """Give the error."""


@attrs.define(eq=False)
class _Pending:
    """A call that has no answer yet."""

    call: SentCall
    waiter: Waiter
    replica: _Replica | None = None
    is_started: bool = False


class CallerQueue:
    """The calls of one runner method in one API worker; lives on one event loop and is safe on that loop only.

    Args:
        runner_name: for messages.
        options: bounds.
    """

    def __init__(self, runner_name: str, options: BatchOptions) -> None:
        self._runner_name = runner_name
        self._options = options
        self._numbers = itertools.count()
        self._pending: dict[int, _Pending] = {}
        self._unsent: deque[_Pending] = deque()
        self._queued_rows = 0
        self._queued_bytes = 0
        self._replicas: list[_Replica] = []
        self._is_open = True
        self._is_flush_due = False
        self._expiry: asyncio.TimerHandle | None = None
        self._expiry_at_s = math.inf
        self._answered_s = time.monotonic()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def queued_rows(self) -> int:
        """Rows that no replica has started, here and at the replicas."""
        return self._queued_rows

    def add_replica(self, open_line: OpenLine) -> None:
        """Send calls to one more replica."""
        replica = _Replica(self)
        self._replicas.append(replica)
        replica.line = open_line(replica)

    def submit(self, arguments: CallArguments, deadline_s: float, waiter: Waiter) -> int:
        """Queue one call of at most the limit of rows.

        Args:
            arguments: the prepared call.
            deadline_s: on the clock of `time.monotonic()`.
            waiter: gets the answer or the error, exactly once, unless it is done before.

        Returns:
            The call's number, for `withdraw`.

        Raises:
            ServiceUnavailable: the queue is closed.
            TooManyRequests: the queue is full, or waiting would make the call late.
            DeadlineExceeded: the deadline passed, or is shorter than the model needs on an idle server.
        """
        now_s = time.monotonic()
        self._admit(arguments.rows, arguments.size_bytes, deadline_s - now_s, now_s)
        return self._queue(arguments, deadline_s, waiter, now_s)

    def submit_together(
        self, pieces: Sequence[CallArguments], deadline_s: float, waiters: Sequence[Waiter]
    ) -> list[int]:
        """Queue the pieces of one large call, all or none; the arguments and errors are those of `submit`."""
        now_s = time.monotonic()
        rows = sum(piece.rows for piece in pieces)
        self._admit(rows, sum(piece.size_bytes for piece in pieces), deadline_s - now_s, now_s)
        return [self._queue(piece, deadline_s, waiter, now_s) for piece, waiter in zip(pieces, waiters, strict=True)]

    def withdraw(self, number: int) -> None:
        """Take a call back whose caller left; nothing happens if it was answered already."""
        pending = self._pending.pop(number, None)
        if pending is None:
            return
        if pending.replica is None:
            self._unsent.remove(pending)
        else:
            pending.replica.line.withdraw((number,))
        self._mark_started(pending)
        self._note_idle()

    async def drain(self) -> None:
        """Take no more calls, and return when every call has ended; each ends by its deadline at the latest."""
        self._is_open = False
        await self._idle.wait()
        for replica in self._replicas:
            replica.line.close()

    def _queue(self, arguments: CallArguments, deadline_s: float, waiter: Waiter, now_s: float) -> int:
        number = next(self._numbers)
        pending = _Pending(SentCall(number, arguments, deadline_s, now_s), waiter)
        self._pending[number] = pending
        self._idle.clear()
        self._unsent.append(pending)
        self._queued_rows += arguments.rows
        self._queued_bytes += arguments.size_bytes
        self._expire_by(deadline_s, now_s)
        self._flush_soon()
        return number

    def _admit(self, new_rows: int, new_bytes: int, remaining_s: float, now_s: float) -> None:
        options = self._options
        if not self._is_open:
            raise ServiceUnavailable(f"runner {self._runner_name!r} takes no more calls: the server is stopping.")
        if remaining_s <= 0:
            raise late(self._runner_name)
        rows = self._queued_rows + new_rows
        size_bytes = self._queued_bytes + new_bytes
        # A call that is larger than the whole queue is taken when it is empty, or it could never be served.
        if self._queued_rows and (rows > options.max_queue_rows or size_bytes > options.max_queue_bytes):
            raise TooManyRequests(
                f"the queue of runner {self._runner_name!r} is full: "
                f"{self._queued_rows} rows, {self._queued_bytes} bytes.",
                why=f"It takes {options.max_queue_rows} rows and {options.max_queue_bytes} bytes.",
                do="try again later; the server's owner can raise runners.batching.max_queue_rows, or add replicas",
                retry_after_s=max(1.0, self._expected_s(self._queued_rows)),
            )
        expected_s = self._expected_s(rows)
        if expected_s <= remaining_s or self._is_probe_due(now_s):
            return
        needed_s = self._expected_s(new_rows)
        if needed_s > remaining_s:
            raise DeadlineExceeded(
                f"a call of runner {self._runner_name!r} has {remaining_s:.3f} s left.",
                why=f"The model needs about {needed_s:.3f} s.",
                do="allow the call more time",
            )
        raise TooManyRequests(
            f"a call of runner {self._runner_name!r} would be late: {self._queued_rows} rows wait before it.",
            why=f"It would be answered in about {expected_s:.3f} s and has {remaining_s:.3f} s left.",
            do="try again later, or allow the call more time",
            retry_after_s=max(1.0, expected_s - remaining_s),
        )

    def _is_probe_due(self, now_s: float) -> bool:
        return not self._pending and now_s - self._answered_s > _PROBE_AFTER_S

    def _expected_s(self, rows: int) -> float:
        costs = [replica.line.cost for replica in self._replicas if replica.line.cost.is_known]
        if not costs:
            return 0.0
        full, rest = divmod(rows, self._options.max_batch_size)
        seconds = min(
            full * cost.estimate_s(self._options.max_batch_size) + (cost.estimate_s(rest) if rest else 0.0)
            for cost in costs
        )
        return seconds if full == 0 else seconds / len(self._replicas)

    def _flush(self) -> None:
        self._is_flush_due = False
        batches: dict[_Replica, list[SentCall]] = {}
        while self._unsent:
            replica = self._replica_with_most_credit()
            if replica is None:
                break
            pending = self._unsent.popleft()
            pending.replica = replica
            replica.credit_rows -= pending.call.arguments.rows
            batches.setdefault(replica, []).append(pending.call)
        for replica, calls in batches.items():
            replica.line.send(calls)

    def _replica_with_most_credit(self) -> _Replica | None:
        if len(self._replicas) == 1:
            best = self._replicas[0]
        else:
            best = max(self._replicas, key=lambda replica: replica.credit_rows)
        return best if best.credit_rows > 0 else None

    def _answered(self, answers: Sequence[Answer]) -> None:
        self._answered_s = time.monotonic()
        for answer in answers:
            pending = self._pending.pop(answer.number, None)
            if pending is None:
                continue
            self._mark_started(pending)
            if pending.waiter.done():
                continue
            if answer.error is None:
                pending.waiter.set_result(answer.value)
            else:
                pending.waiter.set_exception(answer.error)
        self._note_idle()

    def _started(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            pending = self._pending.get(number)
            # A call that was withdrawn meanwhile has given its credit back already.
            if pending is not None:
                self._mark_started(pending)

    def _mark_started(self, pending: _Pending) -> None:
        if pending.is_started:
            return
        pending.is_started = True
        arguments = pending.call.arguments
        self._queued_rows -= arguments.rows
        self._queued_bytes -= arguments.size_bytes
        if pending.replica is not None:
            pending.replica.credit_rows += arguments.rows
            self._flush_soon()

    def _flush_soon(self) -> None:
        # All calls of one turn of the loop leave together, so that a burst is one frame and one batch.
        if self._unsent and not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _note_idle(self) -> None:
        if not self._pending:
            self._idle.set()

    def _expire_by(self, deadline_s: float, now_s: float) -> None:
        # One timer for all: deadlines mostly come in order, so the first stands until it fires.
        if deadline_s >= self._expiry_at_s:
            return
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry_at_s = deadline_s
        self._expiry = asyncio.get_running_loop().call_later(max(0.0, deadline_s - now_s), self._expire)

    def _expire(self) -> None:
        self._expiry = None
        self._expiry_at_s = math.inf
        now_s = time.monotonic()
        overdue = [pending for pending in self._pending.values() if pending.call.deadline_s <= now_s]
        for pending in overdue:
            self.withdraw(pending.call.number)
            if not pending.waiter.done():
                pending.waiter.set_exception(late(self._runner_name))
        if self._pending:
            self._expire_by(min(pending.call.deadline_s for pending in self._pending.values()), now_s)


class _Replica:
    """One replica as the queue sees it: its line, and the rows it will still take; the receiver of that line."""

    line: Line

    def __init__(self, queue: CallerQueue) -> None:
        self._queue = queue
        self.credit_rows = 0

    def answered(self, answers: Sequence[Answer]) -> None:
        """See `Receiver`."""
        self._queue._answered(answers)

    def credited(self, rows: int) -> None:
        """See `Receiver`."""
        self.credit_rows += rows
        self._queue._flush_soon()

    def started(self, numbers: Sequence[int]) -> None:
        """See `Receiver`."""
        self._queue._started(numbers)
