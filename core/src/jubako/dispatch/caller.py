"""`CallerQueue`: the half of the dispatcher beside the caller, for one method of one runner.

It keeps calls in order and within bounds, ends those whose deadline passes or whose caller leaves, chooses a replica,
and sends what waits as soon as there is credit. When a replica dies, it sends the calls it lost to another one.
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

from jubako._origins import NO_REQUEST, Origin
from jubako.contracts.backend import BatchRecord
from jubako.dispatch.admission import Admission
from jubako.dispatch.isolation import late
from jubako.dispatch.losses import error_of_loss
from jubako.dispatch.messages import Answer, Line, OpenLine, SentCall
from jubako.dispatch.observing import BatchObservers
from jubako.errors import ServiceUnavailable
from jubako.runners.arguments import CallArguments
from jubako.values.resources import BatchOptions

# What was refused for its expected cost cannot teach otherwise; so long after the last answer one call is let through.
_PROBE_AFTER_S = 1.0
# A replica says what it started before it computes it, but a full socket may keep that from us. A call that was lost
# so often without having been started, as far as we know, is taken for one that was.
_MAX_LOSSES = 3
# How long a supervisor waits at most between two tries to start a replica.
_RETRY_AFTER_S = 30.0


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
    losses: int = 0


class CallerQueue:
    """The calls of one runner method in one API worker; lives on one event loop and is safe on that loop only.

    Args:
        runner_name: for messages.
        options: bounds.
        is_idempotent: False if a call that a dying replica may have computed must not be computed again.
        observers: hear of the batches that calls of this queue were in.
    """

    def __init__(
        self,
        runner_name: str,
        options: BatchOptions,
        *,
        is_idempotent: bool = True,
        observers: BatchObservers | None = None,
    ) -> None:
        self._runner_name = runner_name
        self._admission = Admission(runner_name, options)
        self._is_idempotent = is_idempotent
        self._observers = BatchObservers() if observers is None else observers
        self._outage: str | None = None
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

    @property
    def is_idle(self) -> bool:
        """True if every call is answered."""
        return not self._pending

    def add_replica(self, open_line: OpenLine) -> None:
        """Send calls to one more replica, until its line is lost."""
        replica = _Replica(self)
        self._replicas.append(replica)
        replica.line = open_line(replica)

    def set_outage(self, reason: str | None) -> None:
        """Say that no replica is being started any more, and why; None says that they are started again.

        While that is so and no replica is left, every call is refused; those that wait are ended at once. Without it,
        calls wait for a replica within their deadline.
        """
        self._outage = reason
        self._end_without_replica()

    def check_replicas(self) -> None:
        """Tell whether it makes sense to wait for a replica.

        Raises:
            ServiceUnavailable: none serves and none is being started.
        """
        if self._outage is not None and not self._replicas:
            raise self._unavailable()

    def submit(self, arguments: CallArguments, deadline_s: float, waiter: Waiter, origin: Origin = NO_REQUEST) -> int:
        """Queue one call of at most the limit of rows.

        Args:
            arguments: the prepared call.
            deadline_s: on the clock of `time.monotonic()`.
            waiter: gets the answer or the error, exactly once, unless it is done before.
            origin: the request that the call is made for.

        Returns:
            The call's number, for `withdraw`.

        Raises:
            ServiceUnavailable: the queue is closed, or no replica serves and none is being started.
            TooManyRequests: the queue is full, or waiting would make the call late.
            DeadlineExceeded: the deadline passed, or is shorter than the model needs on an idle server.
        """
        now_s = time.monotonic()
        self._admit(arguments.rows, arguments.size_bytes, deadline_s - now_s, now_s)
        return self._queue(SentCall(next(self._numbers), arguments, deadline_s, now_s, origin), waiter)

    def submit_together(
        self, pieces: Sequence[CallArguments], deadline_s: float, waiters: Sequence[Waiter], origin: Origin = NO_REQUEST
    ) -> list[int]:
        """Queue the pieces of one large call, all or none; the arguments and errors are those of `submit`."""
        now_s = time.monotonic()
        rows = sum(piece.rows for piece in pieces)
        self._admit(rows, sum(piece.size_bytes for piece in pieces), deadline_s - now_s, now_s)
        return [
            self._queue(SentCall(next(self._numbers), piece, deadline_s, now_s, origin), waiter)
            for piece, waiter in zip(pieces, waiters, strict=True)
        ]

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

    def _queue(self, call: SentCall, waiter: Waiter) -> int:
        pending = _Pending(call, waiter)
        self._pending[call.number] = pending
        self._idle.clear()
        self._unsent.append(pending)
        self._queued_rows += call.arguments.rows
        self._queued_bytes += call.arguments.size_bytes
        self._expire_by(call.deadline_s, call.queued_s)
        self._flush_soon()
        return call.number

    def _admit(self, new_rows: int, new_bytes: int, remaining_s: float, now_s: float) -> None:
        if not self._is_open:
            raise ServiceUnavailable(f"runner {self._runner_name!r} takes no more calls: the server is stopping.")
        self.check_replicas()
        if remaining_s <= 0:
            raise late(self._runner_name)
        costs = [replica.line.cost for replica in self._replicas]
        if self._queued_rows:
            wait_s = self._admission.expected_s(self._queued_rows, costs)
            self._admission.check_room(self._queued_rows, self._queued_bytes, new_rows, new_bytes, wait_s)
        if not self._is_probe_due(now_s):
            self._admission.check_time(self._queued_rows, new_rows, remaining_s, costs)

    def _is_probe_due(self, now_s: float) -> bool:
        return not self._pending and now_s - self._answered_s > _PROBE_AFTER_S

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
        best: _Replica | None = None
        for replica in self._replicas:
            if not replica.is_silent and replica.credit_rows > (0 if best is None else best.credit_rows):
                best = replica
        return best

    def _answered(self, answers: Sequence[Answer]) -> None:
        self._answered_s = time.monotonic()
        for answer in answers:
            pending = self._pending.pop(answer.number, None)
            if pending is None:
                continue
            self._mark_started(pending)
            if pending.waiter.done():
                continue
            _settle(pending.waiter, answer)
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

    def _lost(self, replica: _Replica, reason: str) -> None:
        self._replicas.remove(replica)
        requeued = []
        for pending in [pending for pending in self._pending.values() if pending.replica is replica]:
            pending.losses += 1
            is_blamed = pending.is_started or pending.losses > _MAX_LOSSES
            error = error_of_loss(
                self._runner_name, pending.call, reason, is_blamed=is_blamed, is_idempotent=self._is_idempotent
            )
            if error is not None:
                self._end(pending, error)
                continue
            if pending.is_started:
                pending.is_started = False
                self._queued_rows += pending.call.arguments.rows
                self._queued_bytes += pending.call.arguments.size_bytes
            if is_blamed:
                # Alone from now on: joined with others, it could take them along when it kills a second replica.
                arguments = attrs.evolve(pending.call.arguments, fit_key=None)
                pending.call = attrs.evolve(pending.call, tries=pending.call.tries + 1, arguments=arguments)
            pending.replica = None
            requeued.append(pending)
        self._unsent.extendleft(reversed(requeued))
        self._note_idle()
        self._flush_soon()
        self._end_without_replica()

    def _end_without_replica(self) -> None:
        if self._outage is not None and not self._replicas:
            for pending in list(self._unsent):
                self._end(pending, self._unavailable())
            self._unsent.clear()
            self._note_idle()

    def _unavailable(self) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"no replica of runner {self._runner_name!r} can be started.",
            why=self._outage or "",
            do="try again later; the server's log has how they ended",
            retry_after_s=_RETRY_AFTER_S,
        )

    def _end(self, pending: _Pending, error: BaseException) -> None:
        del self._pending[pending.call.number]
        self._mark_started(pending)
        if not pending.waiter.done():
            pending.waiter.set_exception(error)

    def _flush_soon(self) -> None:
        # All calls of one turn of the loop leave together, so that a burst is one frame and one batch.
        if self._unsent and self._replicas and not self._is_flush_due:
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
        self.is_silent = False

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

    def batch_returned(self, record: BatchRecord) -> None:
        """See `Receiver`."""
        self._queue._observers.batch_returned(record)

    def silent(self, is_silent: bool) -> None:
        """See `Receiver`."""
        self.is_silent = is_silent
        self._queue._flush_soon()

    def lost(self, reason: str) -> None:
        """See `Receiver`."""
        self._queue._lost(self, reason)


def _settle(waiter: Waiter, answer: Answer) -> None:
    if answer.share is None:
        waiter.set_exception(answer.error or RuntimeError("an answer has a share or an error"))
        return
    try:
        value = answer.share.take()
    except Exception as error:  # noqa: BLE001  # a payload type is foreign code; its failure is the call's
        waiter.set_exception(error)
    else:
        waiter.set_result(value)
