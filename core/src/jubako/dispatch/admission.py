"""`Admission`: whether one more call is taken, from what waits, what it is expected to cost, and its deadline."""

from __future__ import annotations

from collections.abc import Sequence

from jubako.contracts.batch_policy import CostModel
from jubako.dispatch.isolation import late
from jubako.errors import DeadlineExceeded, TooManyRequests
from jubako.values.resources import BatchOptions


class Admission:
    """The bounds of one caller queue.

    Args:
        runner_name: for messages.
        options: bounds.
    """

    def __init__(self, runner_name: str, options: BatchOptions) -> None:
        self._runner_name = runner_name
        self._options = options

    def check_room(self, queued_rows: int, queued_bytes: int, new_rows: int, new_bytes: int, wait_s: float) -> None:
        """Refuse what would break a bound; a call that is larger than the whole queue is taken when that is empty.

        Args:
            queued_rows: rows that wait already.
            queued_bytes: bytes that wait already.
            new_rows: of the call.
            new_bytes: of the call.
            wait_s: seconds after which what waits is expected to be done.

        Raises:
            TooManyRequests: there is no room.
        """
        options = self._options
        rows, size_bytes = queued_rows + new_rows, queued_bytes + new_bytes
        if not queued_rows or (rows <= options.max_queue_rows and size_bytes <= options.max_queue_bytes):
            return
        raise TooManyRequests(
            f"the queue of runner {self._runner_name!r} is full: {queued_rows} rows, {queued_bytes} bytes.",
            why=f"It takes {options.max_queue_rows} rows and {options.max_queue_bytes} bytes.",
            do="try again later; the server's owner can raise runners.batching.max_queue_rows, or add replicas",
            retry_after_s=max(1.0, wait_s),
        )

    def check_time(self, queued_rows: int, new_rows: int, remaining_s: float, costs: Sequence[CostModel]) -> None:
        """Refuse what would be late.

        Raises:
            DeadlineExceeded: the deadline has passed, or is shorter than the model needs on an idle server.
            TooManyRequests: waiting would make the call late.
        """
        if remaining_s <= 0:
            raise late(self._runner_name)
        expected_s = self.expected_s(queued_rows + new_rows, costs)
        if expected_s <= remaining_s:
            return
        needed_s = self.expected_s(new_rows, costs)
        if needed_s > remaining_s:
            raise DeadlineExceeded(
                f"a call of runner {self._runner_name!r} has {remaining_s:.3f} s left.",
                why=f"The model needs about {needed_s:.3f} s.",
                do="allow the call more time",
            )
        raise TooManyRequests(
            f"a call of runner {self._runner_name!r} would be late: {queued_rows} rows wait before it.",
            why=f"It would be answered in about {expected_s:.3f} s and has {remaining_s:.3f} s left.",
            do="try again later, or allow the call more time",
            retry_after_s=max(1.0, expected_s - remaining_s),
        )

    def expected_s(self, rows: int, costs: Sequence[CostModel]) -> float:
        """Seconds after which so many rows are done; 0 while nothing is known.

        Args:
            rows: that wait.
            costs: of every replica there is.
        """
        known = [cost for cost in costs if cost.is_known]
        if not known:
            return 0.0
        limit = self._options.max_batch_size
        full, rest = divmod(rows, limit)
        seconds = min(full * cost.estimate_s(limit) + (cost.estimate_s(rest) if rest else 0.0) for cost in known)
        return seconds if full == 0 else seconds / len(costs)
