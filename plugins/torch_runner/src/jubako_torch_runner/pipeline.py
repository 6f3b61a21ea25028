"""What `DeviceBatchPolicy` knows of the batches that were begun, and of the callers. Imports no framework."""

from __future__ import annotations

import math
from collections import deque

import attrs

from jubako.dispatch.cost import LearnedCost
from jubako_torch_runner.curve import DeviceCurve

_SMOOTHING = 0.2
# Between two batches that come back by so much more than the second computed, the device waited for it.
_IDLE_SHARE = 0.05


@attrs.define
class _Begun:
    rows: int
    sent_s: float
    computed_s: float


class Pipeline:
    """When the batch that runs is expected to have been computed, and how long before that the next is to be begun.

    What a batch takes beside its computing (its way to the device, copies in and out, its way back) is learned from
    batches that found the device idle: half of it is taken to lie before the computing, half behind. What a batch takes
    that found it busy is an upper bound, which corrects an estimate that is larger; that one was begun too early.

    Args:
        curve: what the device takes.
    """

    def __init__(self, curve: DeviceCurve) -> None:
        self._curve = curve
        self._beside = LearnedCost()
        self._begun: deque[_Begun] = deque()
        self._returned_s = -math.inf
        self._returned_rows = 0
        self.turn_s = 0.0

    @property
    def rows(self) -> int:
        """Rows that were begun and have not come back."""
        return sum(batch.rows for batch in self._begun)

    def beside_s(self, rows: int) -> float:
        """Seconds that a batch takes beside its computing."""
        return self._beside.estimate_s(rows)

    def computed_s(self, now_s: float) -> float:
        """When the device will have computed what was begun, as far as is known; now if nothing was."""
        return self._begun[-1].computed_s if self._begun else now_s

    def sent(self, rows: int, now_s: float) -> None:
        """Take note that a batch was begun."""
        there_s = now_s + self.beside_s(rows) / 2
        starts_s = max(there_s, self._begun[-1].computed_s) if self._begun else there_s
        self._begun.append(_Begun(rows, now_s, starts_s + self._curve.seconds(rows)))

    def returned(self, rows: int, seconds: float, now_s: float) -> None:
        """Take note that the oldest batch came back; what was computed of it may be less than was begun."""
        if not self._begun:
            return
        batch = self._begun.popleft()
        turn_s = max(seconds, now_s - batch.sent_s)
        self.turn_s = turn_s if self.turn_s == 0 else self.turn_s + _SMOOTHING * (turn_s - self.turn_s)
        # A larger batch than the one before is longer on its way back.
        longer_back_s = max(0.0, self.beside_s(rows) - self.beside_s(self._returned_rows)) / 2
        device_was_idle = now_s - self._returned_s > seconds * (1 + _IDLE_SHARE) + longer_back_s
        if batch.sent_s >= self._returned_s or device_was_idle or turn_s - seconds < self.beside_s(rows):
            self._beside.learn(rows, turn_s - seconds)
        self._returned_s, self._returned_rows = now_s, rows
        if self._begun:
            # The device has been at the next one since this one was computed, or since it was there.
            following = self._begun[0]
            since_s = max(now_s - self.beside_s(rows) / 2, following.sent_s + self.beside_s(following.rows) / 2)
            following.computed_s = since_s + self._curve.seconds(following.rows)


class Arrivals:
    """Rows that arrive in a second, of late; seen only when the policy is asked."""

    def __init__(self) -> None:
        self._rows = 0.0
        self._seconds = 0.0
        self._waiting_rows = 0
        self._seen_s: float | None = None

    @property
    def rows_per_s(self) -> float:
        """0 while unknown."""
        return self._rows / self._seconds if self._seconds > 0 else 0.0

    def seen(self, waiting_rows: int, now_s: float, window_s: float) -> None:
        """Take note of what waits; what it is more than before has arrived.

        Args:
            waiting_rows: at present.
            now_s: the present.
            window_s: what is longer ago than this has less than half its weight.
        """
        if self._seen_s is not None:
            passed_s = max(0.0, now_s - self._seen_s)
            fading = math.exp(-passed_s / window_s)
            self._rows = self._rows * fading + max(0, waiting_rows - self._waiting_rows)
            self._seconds = self._seconds * fading + passed_s
        self._seen_s = now_s
        self._waiting_rows = waiting_rows

    def taken(self, rows: int) -> None:
        """Take note that a batch was made of so many of those that waited."""
        self._waiting_rows = max(0, self._waiting_rows - rows)


_SUCCESS_SHARE = 0.5
_MAX_FAILURES = 3
_LEAST_PAUSE, _LONGEST_PAUSE = 16, 1024


class Cohort:
    """Whether those who were just answered are about to ask again, as far as holding for them has shown.

    As in the core's adaptive policy, a hold that brought less than half of those it waited for has failed; here those
    do not count who would have come anyway, at the rate at which calls arrive. After three failures in a row holds are
    left out for 16 batches, and for twice as many each time one fails again.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.since_s = 0.0
        self.return_s = 0.0
        self._held: tuple[int, float] | None = None
        self._failures = 0
        self._pause = _LEAST_PAUSE
        self._paused_for = 0

    @property
    def is_believed(self) -> bool:
        """False while holds are left out."""
        return self._paused_for == 0

    def expect(self, rows: int, now_s: float) -> None:
        """Those who were answered and those who wait are this many, and may be back from now on."""
        self.rows = rows
        self.since_s = now_s

    def held(self, waiting_rows: int, now_s: float) -> None:
        """Take note that the next batch waits for them."""
        if self._held is None:
            self._held = waiting_rows, now_s

    def sent(self, rows: int, now_s: float, rows_per_s: float) -> None:
        """Judge the hold that ended, if there was one, and forget the cohort."""
        if self._held is None:
            self._paused_for = max(0, self._paused_for - 1)
        else:
            held_rows, held_s = self._held
            self._judge(rows - held_rows - rows_per_s * (now_s - held_s), self.rows - held_rows, now_s)
        self._held = None
        self.rows = 0

    def _judge(self, came: float, missing: int, now_s: float) -> None:
        if came >= missing * _SUCCESS_SHARE:
            took_s = now_s - self.since_s
            self.return_s += _SMOOTHING * (took_s - self.return_s)
            self._failures = 0
            self._pause = _LEAST_PAUSE
            return
        self._failures += 1
        if self._failures >= _MAX_FAILURES:
            # One more failure is enough next time.
            self._failures = _MAX_FAILURES - 1
            self._paused_for = self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
