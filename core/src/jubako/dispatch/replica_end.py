"""`ReplicaEnd`: one replica as a caller queue sees it: its line, its credit, and how busy it is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from jubako.contracts.backend import BatchRecord
from jubako.dispatch.admission import Amount, Load
from jubako.dispatch.messages import Answer, Line, SentCall
from jubako.runners.arguments import CallArguments


class ReplicaListener(Protocol):
    """What is told of what comes from a replica; a caller queue is one."""

    def answered(self, answers: Sequence[Answer]) -> None:
        """Calls have ended."""

    def started(self, numbers: Sequence[int]) -> None:
        """Calls were taken into a batch."""

    def has_room(self) -> None:
        """A replica takes more calls than before."""

    def batch_returned(self, record: BatchRecord) -> None:
        """A batch has ended."""

    def fell_silent(self, replica: ReplicaEnd) -> None:
        """The replica shows no sign of life."""

    def lost(self, replica: ReplicaEnd, reason: str) -> None:
        """The replica is gone."""


class ReplicaEnd:
    """The receiver of one line, for one caller queue; see `Receiver` for what it is told.

    Args:
        listener: the queue.

    Attributes:
        line: the way to the replica; set once it is open.
        credit_rows: rows that the replica will still take; below 0 by the last call at most.
        is_silent: True while the replica shows no sign of life.
    """

    line: Line

    def __init__(self, listener: ReplicaListener) -> None:
        self._listener = listener
        self.credit_rows = 0
        self.is_silent = False
        self._taken_back: set[int] = set()
        # Of those, the ones that it had begun; and, while there are any, what was sent for the first time after them.
        self._begun_anyway: set[int] = set()
        self._sent_since: set[int] = set()
        self._running: deque[Amount] = deque()
        self._running_since_s = 0.0

    def begin(self, calls: Iterable[CallArguments]) -> Amount:
        """Note that it has taken calls of this queue into a batch.

        Returns:
            What they are together; this object stands for the batch.
        """
        if not self._running:
            self._running_since_s = time.monotonic()
        batch = Amount.of(calls)
        self._running.append(batch)
        return batch

    def end(self, batch: Amount) -> None:
        """Note that a batch has ended, and with it those before it, from which every caller had left."""
        if any(running is batch for running in self._running):
            while self._running.popleft() is not batch:
                pass
            # What it took up as its next batch runs since then.
            self._running_since_s = time.monotonic()

    def take_back(self, calls: Sequence[SentCall]) -> None:
        """Ask for calls that it has not begun, as far as is known; what it says of them from now on is passed over."""
        numbers = [call.number for call in calls]
        self._taken_back.update(numbers)
        self._sent_since.clear()
        self.credit_rows += sum(call.arguments.counted_rows for call in calls)
        self.line.withdraw(numbers)

    def send(self, calls: Sequence[SentCall]) -> None:
        """Hand over calls; the credit for them is taken already."""
        if self._taken_back:
            numbers = {call.number for call in calls}
            self._sent_since |= numbers - self._taken_back
            # What it says of the first time that it had them is true of the second, too.
            self._taken_back -= numbers
            self._begun_anyway -= numbers
        self.line.send(calls)

    def load(self, now_s: float) -> Load:
        """How busy it is."""
        elapsed_s = now_s - self._running_since_s if self._running else 0.0
        return Load(self.line.cost, tuple(self._running), elapsed_s)

    def answered(self, answers: Sequence[Answer]) -> None:
        """See `Receiver`."""
        if self._taken_back:
            ended = {answer.number for answer in answers}
            answers = [answer for answer in answers if answer.number not in self._taken_back]
            self._taken_back -= ended
            self._begun_anyway -= ended
            self._sent_since -= ended
        self._listener.answered(answers)

    def credited(self, rows: int) -> None:
        """See `Receiver`."""
        self.credit_rows += rows
        self._listener.has_room()

    def started(self, numbers: Sequence[int]) -> None:
        """See `Receiver`."""
        if self._taken_back:
            begun = set(numbers)
            self._begun_anyway |= begun & self._taken_back
            numbers = [number for number in numbers if number not in self._taken_back]
            self._forget_dropped(begun)
        self._listener.started(numbers)

    def _forget_dropped(self, begun: set[int]) -> None:
        """Forget what was taken back and not begun, once it begins what was sent later: it will not name them."""
        # A line keeps the order of what is said on it, so the withdrawal was heard before those later calls.
        if not self._sent_since.isdisjoint(begun):
            self._taken_back &= self._begun_anyway
            self._sent_since.clear()

    def batch_returned(self, record: BatchRecord) -> None:
        """See `Receiver`."""
        self._listener.batch_returned(record)

    def silent(self, is_silent: bool) -> None:
        """See `Receiver`."""
        self.is_silent = is_silent
        if is_silent:
            self._listener.fell_silent(self)
        self._listener.has_room()

    def lost(self, reason: str) -> None:
        """See `Receiver`."""
        self._listener.lost(self, reason)


def with_most_credit(replicas: Iterable[ReplicaEnd]) -> ReplicaEnd | None:
    """The replica that takes the most rows more; None if none takes any."""
    best: ReplicaEnd | None = None
    for replica in replicas:
        if not replica.is_silent and replica.credit_rows > (0 if best is None else best.credit_rows):
            best = replica
    return best
