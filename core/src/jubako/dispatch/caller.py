"""`CallerQueue`: the half of the dispatcher beside the caller, for one method of one runner.

It keeps calls in order and within bounds, ends those whose deadline passes or whose caller leaves, chooses a replica,
and sends what waits as soon as there is credit. When a replica dies, it sends the calls it lost to another one.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Sequence

from jubako._origins import NO_REQUEST, Origin
from jubako.contracts.backend import BatchRecord
from jubako.dispatch.admission import Admission, Amount
from jubako.dispatch.deadlines import Deadlines
from jubako.dispatch.isolation import late
from jubako.dispatch.losses import error_of_loss, error_of_outage
from jubako.dispatch.messages import Answer, OpenLine, SentCall
from jubako.dispatch.observing import BatchObservers
from jubako.dispatch.pending import Pending, Waiter
from jubako.dispatch.replica_end import ReplicaEnd, with_most_credit
from jubako.errors import ServiceUnavailable
from jubako.runners.arguments import CallArguments
from jubako.values.resources import BatchOptions

# A replica says what it started before it computes it, but a full socket may keep that from us. A call that was lost
# so often without having been started, as far as we know, is taken for one that was.
_MAX_LOSSES = 3


class CallerQueue:
    """The calls of one runner method in one API worker; lives on one event loop and is safe on that loop only.

    Args:
        runner_name: for messages.
        options: bounds.
        joins_calls: False if every call of the method is computed alone.
        is_idempotent: False if a call that a dying replica may have computed must not be computed again.
        observers: hear of the batches that calls of this queue were in.
    """

    def __init__(
        self,
        runner_name: str,
        options: BatchOptions,
        *,
        joins_calls: bool = True,
        is_idempotent: bool = True,
        observers: BatchObservers | None = None,
    ) -> None:
        self._runner_name = runner_name
        self._admission = Admission(runner_name, options, joins_calls=joins_calls)
        self._is_idempotent = is_idempotent
        self._observers = BatchObservers() if observers is None else observers
        self._outage: str | None = None
        self._numbers = itertools.count()
        self._pending: dict[int, Pending] = {}
        # Left at the front, and anywhere when a caller leaves.
        self._unsent: OrderedDict[int, Pending] = OrderedDict()
        self._queued = Amount()
        self._replicas: list[ReplicaEnd] = []
        self._is_open = True
        self._is_flush_due = False
        self._deadlines = Deadlines(self._pending, self._end_late)
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def queued_rows(self) -> int:
        """Rows that no replica has started, here and at the replicas."""
        return self._queued.rows

    @property
    def is_idle(self) -> bool:
        """True if every call is answered."""
        return not self._pending

    def add_replica(self, open_line: OpenLine) -> None:
        """Send calls to one more replica, until its line is lost."""
        replica = ReplicaEnd(self)
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
            raise error_of_outage(self._runner_name, self._outage)

    def submit(
        self, pieces: Sequence[CallArguments], deadline_s: float, waiters: Sequence[Waiter], origin: Origin = NO_REQUEST
    ) -> list[int]:
        """Queue one call, as a whole or in pieces, all of it or nothing.

        Args:
            pieces: the prepared call; each of at most the limit of rows.
            deadline_s: on the clock of `time.monotonic()`.
            waiters: of the pieces; each gets the answer or the error, exactly once, unless it is done before.
            origin: the request that the call is made for.

        Returns:
            The numbers of the pieces, for `withdraw`.

        Raises:
            ServiceUnavailable: the queue is closed, or no replica serves and none is being started.
            TooManyRequests: the queue is full, or waiting would make the call late.
            DeadlineExceeded: the deadline passed, or is shorter than the model needs on an idle server.
        """
        now_s = time.monotonic()
        self._admit(pieces, deadline_s - now_s, now_s)
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
            del self._unsent[number]
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
        pending = Pending(call, waiter)
        self._pending[call.number] = pending
        self._idle.clear()
        self._unsent[call.number] = pending
        self._queued.add(call.arguments)
        self._deadlines.add(call.number, call.deadline_s, call.queued_s)
        self.has_room()
        return call.number

    def _admit(self, pieces: Sequence[CallArguments], remaining_s: float, now_s: float) -> None:
        if not self._is_open:
            raise ServiceUnavailable(f"runner {self._runner_name!r} takes no more calls: the server is stopping.")
        self.check_replicas()
        loads = [replica.load(now_s) for replica in self._replicas]
        self._admission.check(
            self._queued, Amount.of(pieces), remaining_s, loads, is_idle=not self._pending, now_s=now_s
        )

    def _flush(self) -> None:
        self._is_flush_due = False
        batches: dict[ReplicaEnd, list[SentCall]] = {}
        while self._unsent:
            replica = with_most_credit(self._replicas)
            if replica is None:
                break
            _, pending = self._unsent.popitem(last=False)
            pending.replica = replica
            replica.credit_rows -= pending.call.arguments.counted_rows
            batches.setdefault(replica, []).append(pending.call)
        for replica, calls in batches.items():
            replica.send(calls)

    def answered(self, answers: Sequence[Answer]) -> None:
        """See `ReplicaListener`."""
        self._admission.answered_s = time.monotonic()
        for answer in answers:
            pending = self._pending.pop(answer.number, None)
            if pending is not None:
                self._mark_started(pending)
                if pending.replica is not None and pending.batch is not None:
                    pending.replica.end(pending.batch)
                pending.settle(answer)
        self._note_idle()

    def started(self, numbers: Sequence[int]) -> None:
        """See `ReplicaListener`."""
        # A call that was withdrawn meanwhile has given its credit back already.
        calls = [pending for pending in map(self._pending.get, numbers) if pending is not None]
        if calls and calls[0].replica is not None:
            batch = calls[0].replica.begin([pending.call.arguments for pending in calls])
            for pending in calls:
                pending.batch = batch
                self._mark_started(pending)

    def _mark_started(self, pending: Pending) -> None:
        # Also of a call that ends without a batch: it waits no more, and gives its credit back.
        if pending.is_started:
            return
        pending.is_started = True
        self._queued.remove(pending.call.arguments)
        if pending.replica is not None:
            pending.replica.credit_rows += pending.call.arguments.counted_rows
            self.has_room()

    def _mark_unstarted(self, pending: Pending) -> None:
        if pending.is_started:
            pending.is_started = False
            self._queued.add(pending.call.arguments)

    def batch_returned(self, record: BatchRecord) -> None:
        """See `ReplicaListener`."""
        self._observers.batch_returned(record)

    def lost(self, replica: ReplicaEnd, reason: str) -> None:
        """See `ReplicaListener`."""
        self._replicas.remove(replica)
        had = [pending for pending in self._pending.values() if pending.replica is replica]
        for pending in had:
            pending.losses += 1
            is_blamed = pending.is_started or pending.losses > _MAX_LOSSES
            error = error_of_loss(
                self._runner_name, pending.call, reason, is_blamed=is_blamed, is_idempotent=self._is_idempotent
            )
            if error is not None:
                self._fail(pending, error)
            elif pending.call.number in self._pending:
                self._mark_unstarted(pending)
                if is_blamed:
                    pending.try_alone()
        self._send_again(had)
        self._note_idle()
        self._end_without_replica()

    def fell_silent(self, replica: ReplicaEnd) -> None:
        """See `ReplicaListener`; what it has not begun is sent to another one, or to the same if it comes back."""
        # It may have begun them without having said so.
        if not self._is_idempotent:
            return
        waiting = [each for each in self._pending.values() if each.replica is replica and not each.is_started]
        replica.take_back([pending.call for pending in waiting])
        self._send_again(waiting)

    def held_until_s(self, receiver: object) -> float:
        """The last deadline of the calls that a line's replica has, by `time.monotonic()`; 0 if it has none."""
        return max((each.call.deadline_s for each in self._pending.values() if each.replica is receiver), default=0.0)

    def _send_again(self, calls: Sequence[Pending]) -> None:
        for pending in reversed(calls):
            # Those that have failed are gone, and so are other pieces of the same large calls.
            if pending.call.number in self._pending:
                pending.replica = pending.batch = None
                self._unsent[pending.call.number] = pending
                self._unsent.move_to_end(pending.call.number, last=False)
        self.has_room()

    def _end_without_replica(self) -> None:
        if self._outage is not None and not self._replicas:
            # One that fails may withdraw others, the pieces of the same large call.
            while self._unsent:
                _, pending = self._unsent.popitem(last=False)
                self._fail(pending, error_of_outage(self._runner_name, self._outage))
            self._note_idle()

    def _fail(self, pending: Pending, error: BaseException) -> None:
        if self._pending.pop(pending.call.number, None) is not None:
            self._mark_started(pending)
            pending.fail(error)

    def has_room(self) -> None:
        """See `ReplicaListener`; what waits is sent at the end of this turn of the loop."""
        # All calls of one turn of the loop leave together, so that a burst is one frame and one batch.
        if self._unsent and self._replicas and not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _note_idle(self) -> None:
        if not self._pending:
            self._idle.set()

    def _end_late(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            pending = self._pending.get(number)
            # Gone if it is a piece of a large call of which another one was as late.
            if pending is not None:
                self.withdraw(number)
                pending.fail(late(self._runner_name))
