"""`AdaptivePolicy`: never delays a lone caller; under load holds only for callers that are about to come back."""

from __future__ import annotations

from collections import deque

from jubako.contracts.batch_policy import BatchPolicy, CostModel, Decision, QueueView
from jubako.values.resources import BatchOptions

# A hold pays if at least this share of a batch's time does not depend on its rows.
_WORTHWHILE_FIXED_SHARE = 0.3
# The longest hold, as a share of an average batch's time.
_MAX_HOLD_SHARE = 0.5
_SMOOTHING = 0.2
# A hold that brought less than this share of the callers it waited for has failed; after some failures in a row
# holds are only tried now and then, so that independent (Poisson) arrivals pay next to nothing for them.
_SUCCESS_SHARE = 0.5
_MAX_FAILURES = 3
_TRY_AGAIN_AFTER = 16


class AdaptivePolicy(BatchPolicy):
    """Sends at once on an idle server; between batches, holds the next one for the cohort of callers in the loop.

    Callers that wait for an answer before they ask again come back together: after a batch of n rows returned while q
    waited, about n + q rows are in the loop. The next batch is held until that many wait, it is full, or half an
    average batch time (and at most `max_wait_ms`) has passed since the first of them could have been sent. A full
    batch is sent even while another runs. Holding is left out where the cost of a batch grows with its rows, for then
    nothing is saved, and where it has not brought the callers it waited for.

    With `max_latency_ms` set, a batch has no more rows than are expected to take half the target, for a call may wait
    for one batch before its own.

    Source: the cohort rule is this project's own, measured against taking what waits; for the idea of delayed batching
    see Clipper (Crankshaw et al., NSDI 2017, section 4.3.2).
    """

    def __init__(self, options: BatchOptions, cost: CostModel) -> None:
        self._cost = cost
        self._max_wait_s = options.max_wait_ms / 1000
        self._target_s = None if options.max_latency_ms is None else options.max_latency_ms / 1000 / 2
        self._turn_s = 0.0
        self._compute_s = 0.0
        self._sent_at_s: deque[float] = deque()
        self._cohort_rows = 0
        self._cohort_since_s = 0.0
        self._cohort_until_s = 0.0
        self._held_from_rows: int | None = None
        self._failures = 0

    def decide(self, queue: QueueView, now_s: float) -> Decision:
        """Send, or hold for the cohort; a hold always names the time at which it ends."""
        max_rows = self._rows_within_target()
        if queue.is_full or (max_rows is not None and queue.waiting_rows >= max_rows):
            return Decision(send=True, max_rows=max_rows)
        if queue.running_batches > 0:
            # What cannot be saved by joining is best overlapped: the next batch is ready when the last one ends.
            return Decision(send=self._cost.is_known and not self._is_fixed_part_large())
        expected = min(self._cohort_rows, queue.limit_rows)
        if queue.waiting_rows >= expected or not self._may_hold(now_s):
            return Decision(send=True)
        hold_s = min(self._turn_s * _MAX_HOLD_SHARE, self._max_wait_s)
        ends_s = max(self._cohort_since_s, queue.oldest_arrival_s) + hold_s
        if now_s >= ends_s:
            return Decision(send=True)
        if self._held_from_rows is None:
            self._held_from_rows = queue.waiting_rows
        return Decision(send=False, look_again_s=ends_s)

    def batch_sent(self, rows: int, now_s: float) -> None:
        """Judge the hold that ended, if there was one, and forget the cohort."""
        if self._held_from_rows is not None:
            missing = self._cohort_rows - self._held_from_rows
            came = rows - self._held_from_rows
            self._failures = 0 if came >= missing * _SUCCESS_SHARE else self._failures + 1
        elif self._failures >= _MAX_FAILURES:
            self._failures += 1
            if self._failures >= _MAX_FAILURES + _TRY_AGAIN_AFTER:
                self._failures = _MAX_FAILURES - 1
        self._held_from_rows = None
        self._cohort_rows = 0
        self._sent_at_s.append(now_s)

    def batch_returned(self, rows: int, seconds: float, waiting_rows: int, now_s: float) -> None:
        """Expect the callers that were just answered, and those that wait, to make the next batch."""
        # From sending to hearing of the end: where the loop is busy too, that is what a batch takes.
        turn_s = max(seconds, now_s - self._sent_at_s.popleft()) if self._sent_at_s else seconds
        self._turn_s = _smoothed(self._turn_s, turn_s)
        self._compute_s = _smoothed(self._compute_s, seconds)
        self._cohort_rows = rows + waiting_rows
        self._cohort_since_s = now_s
        # Callers that are answered one after the other take a while to be back; who comes later is someone else.
        self._cohort_until_s = now_s + max(self._turn_s, self._max_wait_s)

    def _may_hold(self, now_s: float) -> bool:
        return now_s < self._cohort_until_s and self._failures < _MAX_FAILURES and self._is_fixed_part_large()

    def _is_fixed_part_large(self) -> bool:
        return self._cost.fixed_s >= _WORTHWHILE_FIXED_SHARE * self._compute_s

    def _rows_within_target(self) -> int | None:
        if self._target_s is None or not self._cost.is_known or self._cost.per_row_s == 0:
            return None
        return max(1, int((self._target_s - self._cost.fixed_s) / self._cost.per_row_s))


def _smoothed(average_s: float, seconds: float) -> float:
    return seconds if average_s == 0 else average_s + _SMOOTHING * (seconds - average_s)
