"""`DeviceBatchPolicy`: batches for a device that copies one batch while it computes another. Imports no framework."""

from __future__ import annotations

import math
from bisect import bisect_left

import attrs

from jubako.contracts.batch_policy import BatchPolicy, CostModel, Decision, QueueView
from jubako.values.batch_profile import BatchProfile
from jubako.values.resources import BatchOptions
from jubako_torch_runner.curve import DeviceCurve
from jubako_torch_runner.pipeline import Arrivals, Cohort, Pipeline

# The next batch is begun this much earlier than it need be, for timers are late and estimates are wrong.
_EARLY_S = 100e-6
_EARLY_SHARE = 0.03
# Of a latency target: the rest is for what is not foreseen.
_USED_OF_TARGET = 0.9
# A size is worth keeping to if the device is not busier than this with the calls that arrive.
_SUSTAINABLE = 0.95
# The longest hold, as a share of an average turn.
_MAX_HOLD_SHARE = 0.5
# What saves less than the rest of this is noise of the curve.
_WORTHWHILE = 0.95
_WINDOW_TURNS = 20
_LEAST_WINDOW_S = 0.05


@attrs.frozen
class _Standing:
    """A decision to wait that need not be thought over with every call that arrives."""

    decision: Decision
    running_batches: int
    until_rows: int
    until_s: float
    limit_rows: int

    def holds(self, queue: QueueView, now_s: float) -> bool:
        return (
            now_s < self.until_s
            and queue.waiting_rows < self.until_rows
            and queue.running_batches == self.running_batches
            and queue.limit_rows == self.limit_rows
            and not queue.is_full
        )


class DeviceBatchPolicy(BatchPolicy):
    """Begins each batch so late that it is large, and so early that the device does not wait for it.

    The device's curve, seconds by rows, is taken from the runner's profile where there is one and learned from every
    batch that returns (`DeviceCurve`). From it follows, while nothing is known of the next second:

    - **Idle device.** What waits is sent at once; a lone caller is never delayed. Only for callers that were just
      answered and come back together the batch is held, at most half a turn and `max_wait_ms`, as the core's adaptive
      policy does, and only if the curve says that one large batch, with its copies and the callers' way, takes less
      than two halves of it whose copies are overlapped. Where that proves wrong, holds are left out (`Cohort`).
    - **One batch runs.** The next is begun when the running one is about to have been computed, earlier by the time
      that the next needs to be in the device: its copies and its way there are overlapped, and whoever comes until then
      is in it. Begun any earlier it would be smaller and save nothing. A full batch is begun at once, and so is one of
      a size at which the device computes the most rows a second, for waiting cannot make it better.
    - **Sizes.** Where a few rows less cost so much less that both the device is free earlier and the calls are answered
      earlier on average, with the rest in the next batch, fewer are taken: 32 rather than 33 where 33 cost as much as
      64. So sizes keep to the blocks in which the device works, without being told of them.
    - **A latency target.** With `max_latency_ms`, a batch is made no larger than lets its oldest call be answered in
      time, and no larger than lets those be answered in time who come while it is computed. But smaller batches are
      more work: where the device would fall behind the calls that arrive, the size follows the load, because a queue
      that grows keeps no target. Nothing is refused.

    Until the curve is known, after a profile or three batches, nothing but full batches is overlapped. The runner
    reports as a batch's seconds those of computing; copies are seen as what its turn takes beside.

    Source: to batch what arrived while the device was busy, by a profile of the device, is Clipper's and Clockwork's
    (Crankshaw et al., NSDI 2017, section 4.3; Gujarati et al., OSDI 2020, section 5); sizes that keep a latency target
    at a given rate of arrival are Nexus' (Shen et al., SOSP 2019, section 4.1: a call may wait for one whole batch
    before its own, hence half the target). Beginning just in time and comparing joined with overlapped cohorts are
    this project's own, and are simulated in the plugin's tests.
    """

    def __init__(self, options: BatchOptions, cost: CostModel) -> None:
        self._max_wait_s = options.max_wait_ms / 1000
        self._target_s = None if options.max_latency_ms is None else options.max_latency_ms / 1000 * _USED_OF_TARGET
        self._curve = DeviceCurve()
        self._pipeline = Pipeline(self._curve)
        self._arrivals = Arrivals()
        self._cohort = Cohort()
        self._waiting_rows = 0
        # Those that were waiting, computed or just answered when the last batch came back.
        self._loop_rows = 0
        self._standing: _Standing | None = None
        self._best: tuple[int, int, int] = (-1, 0, 0)

    def profile_known(self, profile: BatchProfile) -> None:
        """Begin with the curve that was measured at warm-up."""
        self._curve.know(profile.sizes)

    def decide(self, queue: QueueView, now_s: float) -> Decision:
        """Send, or say when to look again; without one only while a batch runs whose return is waited for."""
        self._waiting_rows = queue.waiting_rows
        if self._standing is not None and self._standing.holds(queue, now_s):
            return self._standing.decision
        if not self._curve.is_known:
            return Decision(send=queue.running_batches == 0 or queue.is_full)
        if queue.running_batches == 0:
            return self._decide_idle(queue, now_s)
        if queue.running_batches == 1:
            return self._decide_busy(queue, now_s)
        return Decision(send=queue.is_full)

    def batch_sent(self, rows: int, now_s: float) -> None:
        """Expect it to be computed after those before it."""
        self._see(self._waiting_rows, now_s)
        self._arrivals.taken(rows)
        self._cohort.sent(rows, now_s, self._arrivals.rows_per_s)
        self._pipeline.sent(rows, now_s)

    def batch_returned(self, rows: int, seconds: float, waiting_rows: int, now_s: float) -> None:
        """Learn from it, and expect its callers again."""
        self._see(waiting_rows, now_s)
        self._curve.learn(rows, seconds)
        self._pipeline.returned(rows, seconds, now_s)
        self._cohort.expect(rows + waiting_rows, now_s)
        self._loop_rows = rows + waiting_rows + self._pipeline.rows

    def _see(self, waiting_rows: int, now_s: float) -> None:
        self._standing = None
        window_s = max(_LEAST_WINDOW_S, self._pipeline.turn_s * _WINDOW_TURNS)
        self._arrivals.seen(waiting_rows, now_s, window_s)

    def _wait(self, queue: QueueView, until_s: float | None, until_rows: int) -> Decision:
        """Look again at a time, or with the next call that arrives when so many wait."""
        decision = Decision(send=False, look_again_s=until_s)
        self._standing = _Standing(
            decision, queue.running_batches, until_rows, math.inf if until_s is None else until_s, queue.limit_rows
        )
        return decision

    def _decide_idle(self, queue: QueueView, now_s: float) -> Decision:
        expected = self._cohort.rows
        if queue.is_full or queue.waiting_rows >= expected or not self._joining_pays(expected, queue.limit_rows):
            return self._send(queue, now_s)
        hold_s = min(self._pipeline.turn_s * _MAX_HOLD_SHARE, self._max_wait_s)
        ends_s = max(self._cohort.since_s, queue.oldest_arrival_s) + hold_s
        # Who comes later than a turn after the last batch is someone else.
        if now_s >= ends_s or now_s >= self._cohort.since_s + max(self._pipeline.turn_s, self._max_wait_s):
            return self._send(queue, now_s)
        self._cohort.held(queue.waiting_rows, now_s)
        return self._wait(queue, ends_s, expected)

    def _decide_busy(self, queue: QueueView, now_s: float) -> Decision:
        best_rows = self._best_rows(queue.limit_rows)
        if queue.is_full:
            return self._send(queue, now_s)
        if queue.waiting_rows >= best_rows:
            return Decision(send=True, max_rows=min(self._choose_rows(queue, now_s), best_rows))
        # A few calls more change little: the next is looked at closely that makes an eighth of what waits.
        until_rows = min(best_rows, queue.waiting_rows + 1 + queue.waiting_rows // 8)
        if self._joining_pays(max(self._loop_rows, queue.waiting_rows + self._pipeline.rows), queue.limit_rows):
            return self._wait(queue, None, until_rows)
        rows = min(queue.waiting_rows, queue.limit_rows)
        early_s = _EARLY_S + _EARLY_SHARE * self._curve.seconds(rows)
        begin_s = self._pipeline.computed_s(now_s) - self._pipeline.beside_s(rows) / 2 - early_s
        return self._send(queue, now_s) if now_s >= begin_s else self._wait(queue, begin_s, until_rows)

    def _send(self, queue: QueueView, now_s: float) -> Decision:
        return Decision(send=True, max_rows=self._choose_rows(queue, now_s))

    def _joining_pays(self, rows: int, limit_rows: int) -> bool:
        """True if callers of so many rows, who come back when answered, do better in one batch than in two."""
        if not self._cohort.is_believed or not 1 < rows <= limit_rows:
            return False
        way_s = self._cohort.return_s
        joined_s = self._curve.seconds(rows) + self._pipeline.beside_s(rows) + way_s
        less, more = rows // 2, rows - rows // 2
        more_s = self._curve.seconds(more)
        halves_s = max(self._curve.seconds(less) + more_s, more_s + self._pipeline.beside_s(more) + way_s / 2)
        return joined_s < _WORTHWHILE * halves_s

    def _choose_rows(self, queue: QueueView, now_s: float) -> int:
        rows = min(queue.waiting_rows, queue.limit_rows)
        if self._target_s is not None:
            for_oldest_s = self._target_s - (max(now_s, self._pipeline.computed_s(now_s)) - queue.oldest_arrival_s)
            rows = self._rows_in_time(rows, for_oldest_s, self._target_s / 2)
        return self._rows_at_a_step(rows, queue.limit_rows)

    def _rows_in_time(self, rows: int, for_oldest_s: float, for_later_s: float) -> int:
        """As many as keep the target, if the device then keeps up with the load; else `rows`."""
        for budget_s in (min(for_oldest_s, for_later_s), for_oldest_s):
            few = self._most_rows_within(budget_s, rows)
            if few and self._arrivals.rows_per_s * self._curve.seconds(few) <= _SUSTAINABLE * few:
                return few
        return rows

    def _most_rows_within(self, budget_s: float, rows: int) -> int:
        return bisect_left(
            range(1, rows + 1), True, key=lambda n: self._curve.seconds(n) + self._pipeline.beside_s(n) > budget_s
        )

    def _rows_at_a_step(self, rows: int, limit_rows: int) -> int:
        """`rows`, or the next smaller size that is known, if taking the rest in the next batch is better for all."""
        sizes = self._curve.sizes
        place = bisect_left(sizes, rows) - 1
        if place < 0:
            return rows
        few = sizes[place]
        rest = rows - few
        whole_s, few_s = self._curve.seconds(rows), self._curve.seconds(few)
        # With whom the rest will be computed.
        others = min(limit_rows - rest, int(self._arrivals.rows_per_s * few_s))
        rest_s = self._curve.seconds(others + rest)
        is_free_earlier = few_s + rest_s - self._curve.seconds(others) < _WORTHWHILE * whole_s
        is_answered_earlier = few * few_s + rest * (few_s + rest_s) <= rows * whole_s
        return few if is_free_earlier and is_answered_earlier else rows

    def _best_rows(self, limit_rows: int) -> int:
        """The size at which the device computes the most rows a second; the largest such."""
        version, limit, best = self._best
        if (version, limit) != (self._curve.version, limit_rows):
            candidates = [rows for rows in self._curve.sizes if rows < limit_rows]
            best = max((*candidates, limit_rows), key=lambda rows: (rows / self._curve.seconds(rows), rows))
            self._best = self._curve.version, limit_rows, best
        return best
