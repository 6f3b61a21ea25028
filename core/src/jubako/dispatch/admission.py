"""`Admission`: whether one more call is taken, from what waits, what it is expected to cost, and its deadline."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import attrs

from jubako.contracts.batch_policy import CostModel
from jubako.dispatch.isolation import late
from jubako.errors import DeadlineExceeded, TooManyRequests
from jubako.runners.arguments import CallArguments
from jubako.values.resources import BatchOptions

# What was refused for its expected cost cannot teach otherwise; so long after the last answer one call is let through.
_PROBE_AFTER_S = 1.0
# An estimate that is right on average is too short for every second call, and under overload all calls are taken that
# just fit: without this much room, half of what is computed would be late, or all of it.
_CAUTION = 1.15


@attrs.define(eq=False)
class Amount:
    """So much work: calls, their rows (at least one each) and the bytes of their arguments."""

    calls: int = 0
    rows: int = 0
    size_bytes: int = 0

    @classmethod
    def of(cls, calls: Iterable[CallArguments]) -> Amount:
        """All of them together."""
        amount = cls()
        for arguments in calls:
            amount.add(arguments)
        return amount

    def add(self, arguments: CallArguments) -> None:
        """Count one call more."""
        self.calls += 1
        self.rows += arguments.counted_rows
        self.size_bytes += arguments.size_bytes

    def remove(self, arguments: CallArguments) -> None:
        """Count one call less."""
        self.calls -= 1
        self.rows -= arguments.counted_rows
        self.size_bytes -= arguments.size_bytes


@attrs.frozen
class Load:
    """How busy one replica is with the calls of one queue.

    Args:
        cost: what batches are expected to take there.
        running: the batch that it computes and those that it has taken up next. Calls whose caller has left count as
            well, for they are computed all the same.
        elapsed_s: seconds that it has computed the first of these batches.
    """

    cost: CostModel
    running: Sequence[Amount] = ()
    elapsed_s: float = 0.0


class Admission:
    """The bounds of one caller queue.

    Args:
        runner_name: for messages.
        options: bounds.
        joins_calls: False if every call is computed alone.

    Attributes:
        answered_s: when the last answer came, on the clock of `time.monotonic()`.
    """

    def __init__(self, runner_name: str, options: BatchOptions, *, joins_calls: bool = True) -> None:
        self._runner_name = runner_name
        self._options = options
        self._joins_calls = joins_calls
        self.answered_s = time.monotonic()

    def check(
        self, queued: Amount, new: Amount, remaining_s: float, loads: Sequence[Load], *, is_idle: bool, now_s: float
    ) -> None:
        """Refuse a call that there is no room or no time for.

        Args:
            queued: what waits already.
            new: the call.
            remaining_s: until its deadline.
            loads: of every replica there is.
            is_idle: True if every call so far has its answer.
            now_s: on the clock of `time.monotonic()`.

        Raises:
            DeadlineExceeded: the deadline has passed, or is shorter than the model needs on an idle server.
            TooManyRequests: there is no room, or waiting would make the call late.
        """
        if remaining_s <= 0:
            raise late(self._runner_name)
        self.check_room(queued, new, loads)
        if not (is_idle and now_s - self.answered_s > _PROBE_AFTER_S):
            self.check_time(queued, new, remaining_s, loads)

    def check_room(self, queued: Amount, new: Amount, loads: Sequence[Load]) -> None:
        """Refuse what would break a bound; a call that is larger than the whole queue is taken when that is empty.

        Args:
            queued: what waits already.
            new: the call.
            loads: of every replica there is.

        Raises:
            TooManyRequests: there is no room.
        """
        options = self._options
        rows, size_bytes = queued.rows + new.rows, queued.size_bytes + new.size_bytes
        if not queued.rows or (rows <= options.max_queue_rows and size_bytes <= options.max_queue_bytes):
            return
        raise TooManyRequests(
            f"the queue of runner {self._runner_name!r} is full: {queued.rows} rows, {queued.size_bytes} bytes.",
            why=f"It takes {options.max_queue_rows} rows and {options.max_queue_bytes} bytes.",
            do="try again later; the server's owner can raise runners.batching.max_queue_rows, or add replicas",
            retry_after_s=max(1.0, self.expected_s(queued, loads)),
        )

    def check_time(self, queued: Amount, new: Amount, remaining_s: float, loads: Sequence[Load]) -> None:
        """Refuse what would be late.

        Raises:
            DeadlineExceeded: the deadline is shorter than the model needs on an idle server.
            TooManyRequests: waiting would make the call late.
        """
        needed_s = self.expected_s(new, [Load(load.cost) for load in loads])
        all_s = self.expected_s(Amount(queued.calls + new.calls, queued.rows + new.rows), loads)
        expected_s = needed_s + _CAUTION * (all_s - needed_s)
        if expected_s <= remaining_s:
            return
        if needed_s > remaining_s:
            raise DeadlineExceeded(
                f"a call of runner {self._runner_name!r} has {remaining_s:.3f} s left.",
                why=f"The model needs about {needed_s:.3f} s.",
                do="allow the call more time",
            )
        raise TooManyRequests(
            f"a call of runner {self._runner_name!r} would be late: {queued.rows} rows wait before it.",
            why=f"It would be answered in about {expected_s:.3f} s and has {remaining_s:.3f} s left.",
            do="try again later, or allow the call more time",
            retry_after_s=max(1.0, expected_s - remaining_s),
        )

    def expected_s(self, waiting: Amount, loads: Sequence[Load]) -> float:
        """Seconds after which what waits is done; 0 while nothing is known.

        What runs goes before: without it, calls would be taken that are late before their batch begins, and computed
        in vain.

        Args:
            waiting: calls that are in no batch yet.
            loads: of every replica there is.
        """
        known = [load for load in loads if load.cost.is_known]
        if not known:
            return 0.0
        busy_s = min(self._busy_s(load) for load in known)
        seconds = min(self._batches_s(waiting, load.cost) for load in known)
        return busy_s + (seconds if self._is_one_batch(waiting) else seconds / len(loads))

    def _busy_s(self, load: Load) -> float:
        return max(0.0, sum(self._batches_s(batch, load.cost) for batch in load.running) - load.elapsed_s)

    def _is_one_batch(self, work: Amount) -> bool:
        return work.rows < self._options.max_batch_size if self._joins_calls else work.calls <= 1

    def _batches_s(self, work: Amount, cost: CostModel) -> float:
        if not self._joins_calls:
            return work.calls * cost.estimate_s(work.rows // work.calls) if work.calls else 0.0
        limit = self._options.max_batch_size
        if work.rows <= limit:
            return cost.estimate_s(work.rows) if work.rows else 0.0
        # More than one batch waits, so calls come faster than they are computed: the last one will be full as well.
        return -(-work.rows // limit) * cost.estimate_s(limit)
