"""`BatchSimulation`: a batch policy, callers and a device in virtual time, for tests of what a policy achieves.

Nothing sleeps and nothing is random but what callers are given, so a simulation of a minute takes a moment and comes
out the same every time.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable

import attrs

from jubako.contracts.batch_policy import BatchPolicy, CostModel, QueueView
from jubako.dispatch.cost import LearnedCost
from jubako.values.batch_profile import BatchProfile
from jubako.values.resources import BatchOptions


@attrs.frozen(kw_only=True)
class DeviceTimes:
    """What a device takes; all times in seconds.

    Args:
        compute_s: of a batch of so many rows.
        copy_s_per_row: into the device, and as much back, each on a stream of its own beside the computing.
        loop_s: from the decision to the device, and as much from its end to the callers.
        depth: batches that may be begun and not returned; 1 overlaps nothing.
    """

    compute_s: Callable[[int], float]
    copy_s_per_row: float = 0.0
    loop_s: float = 0.0
    depth: int = 2


@attrs.frozen
class _Returned:
    at_s: float
    rows: int
    compute_s: float


class BatchSimulation:
    """One replica, its policy, and callers of one row each.

    Args:
        make_policy: a policy from its options and a cost model, which learns as a replica's does.
        device: what it takes.
        options: of the runner; `max_batch_size` is the limit.
        profile: what the policy is told of the device first; None tells it nothing.
        comes_back: for callers that ask again when they have their answer: seconds from the return of the batch, by
            the caller's position in it; None for callers that ask once.

    Attributes:
        latencies_s: of every call that was answered, in the order of the answers.
        batches: rows of every batch, in order.
        now_s: the virtual time.
    """

    def __init__(
        self,
        make_policy: Callable[[BatchOptions, CostModel], BatchPolicy],
        *,
        device: DeviceTimes,
        options: BatchOptions,
        profile: BatchProfile | None = None,
        comes_back: Callable[[int], float] | None = None,
    ) -> None:
        self.latencies_s: list[float] = []
        self.batches: list[int] = []
        self.now_s = 0.0
        self._device = device
        self._limit_rows = options.max_batch_size
        self._comes_back = comes_back
        self._cost = LearnedCost()
        self._policy = make_policy(options, self._cost)
        if profile is not None:
            self._policy.profile_known(profile)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._waiting: list[float] = []
        self._running = 0
        self._returned: list[_Returned] = []
        # When each stream is free: copies in, computing, copies back.
        self._in_s = self._compute_s = self._out_s = 0.0

    @property
    def unanswered(self) -> int:
        """Calls that wait or are computed."""
        return len(self._waiting) + sum(self.batches) - len(self.latencies_s)

    def arrive(self, times_s: Iterable[float]) -> None:
        """Let a caller ask at each of these times."""
        for at_s in times_s:
            self._at(at_s, lambda: self._waiting.append(self.now_s))

    def run(self, until_s: float) -> BatchSimulation:
        """Let virtual time pass."""
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, happens = heapq.heappop(self._events)
            happens()
            self._pump()
        self.now_s = until_s
        return self

    def rows_per_s(self, since_s: float = 0.0) -> float:
        """Rows a second, of the batches that came back after `since_s`."""
        return sum(batch.rows for batch in self._returned if batch.at_s >= since_s) / (self.now_s - since_s)

    def utilisation(self, since_s: float = 0.0) -> float:
        """The share of the time after `since_s` that the device computed."""
        return sum(batch.compute_s for batch in self._returned if batch.at_s >= since_s) / (self.now_s - since_s)

    def latency_s(self, share: float) -> float:
        """The latency that `share` of the calls do not exceed: 0.99 for the 99th percentile."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def _at(self, at_s: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_s, next(self._numbers), happens))

    def _pump(self) -> None:
        while self._waiting and self._running < self._device.depth:
            view = QueueView(
                waiting_rows=len(self._waiting),
                limit_rows=self._limit_rows,
                is_full=len(self._waiting) >= self._limit_rows,
                oldest_arrival_s=self._waiting[0],
                running_batches=self._running,
            )
            decision = self._policy.decide(view, self.now_s)
            if not decision.send:
                if decision.look_again_s is not None:
                    self._wake_at(decision.look_again_s)
                return
            self._send(max(1, min(self._limit_rows, decision.max_rows or self._limit_rows)))

    def _wake_at(self, at_s: float) -> None:
        def wake() -> None:
            """Only makes the replica look again, which it does after every event."""

        self._at(max(at_s, self.now_s), wake)

    def _send(self, rows: int) -> None:
        calls, self._waiting = self._waiting[:rows], self._waiting[rows:]
        self._policy.batch_sent(len(calls), self.now_s)
        self._running += 1
        self.batches.append(len(calls))
        compute_s = self._device.compute_s(len(calls))
        copy_s = self._device.copy_s_per_row * len(calls)
        self._in_s = max(self.now_s + self._device.loop_s, self._in_s) + copy_s
        self._compute_s = max(self._in_s, self._compute_s) + compute_s
        self._out_s = max(self._compute_s, self._out_s) + copy_s
        self._at(self._out_s + self._device.loop_s, lambda: self._return(calls, compute_s))

    def _return(self, calls: list[float], compute_s: float) -> None:
        self._running -= 1
        rows = len(calls)
        self._returned.append(_Returned(self.now_s, rows, compute_s))
        self._cost.learn(rows, compute_s)
        self._policy.batch_returned(rows, compute_s, len(self._waiting), self.now_s)
        for position, arrived_s in enumerate(calls):
            self.latencies_s.append(self.now_s - arrived_s)
            if self._comes_back is not None:
                self._at(self.now_s + self._comes_back(position), lambda: self._waiting.append(self.now_s))
