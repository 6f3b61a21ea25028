"""`LearnedCost`: what a batch of n rows takes, seconds ≈ fixed + per_row · n, learned online and robustly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jubako.values.batch_profile import SizeCost

_LEARNING_RATE = 0.15
_MIN_SAMPLES = 3
# A sample may pull its bucket by no more than this factor: one garbage collection, or one lazy first call, is no trend.
_MAX_PULL = 2.0
_WEIGHT_OF_A_BATCH = 0.25
# Before it has more than this weight, a bucket has seen one batch or two.
_GROWN_UP_WEIGHT = 0.3
# A bucket that was not seen for this many batches has less and less to say.
_FORGET = 0.98


class LearnedCost:
    """Fits a line through the typical seconds of batches of about 1, 2, 4, 8 … rows.

    Each power of two keeps one smoothed figure, so that a flood of equal batches does not drown the rest, and each new
    sample is clipped before it counts, so that outliers do not. What is slow only at first, because it loads or
    compiles something, counts for nothing: neither the first batch of all, nor the first of its size once a faster one
    came. Nothing is known, and nothing is refused for its cost, until three batches came back.

    Not safe for several threads: it belongs to one event loop.

    Source: the linear latency profile is that of Clipper (Crankshaw et al., NSDI 2017, section 4.3) and Clockwork
    (Gujarati et al., OSDI 2020); the fit is least squares over buckets with non-negative coefficients.
    """

    def __init__(self) -> None:
        self._buckets: dict[int, _Bucket] = {}
        self._samples = 0
        self._fixed_s = 0.0
        self._per_row_s = 0.0

    @property
    def is_known(self) -> bool:
        """False until enough batches came back."""
        return self._samples >= _MIN_SAMPLES

    @property
    def fixed_s(self) -> float:
        """Seconds that a batch costs however small it is; 0 while unknown."""
        return self._fixed_s if self.is_known else 0.0

    @property
    def per_row_s(self) -> float:
        """Seconds that each row adds; 0 while unknown."""
        return self._per_row_s if self.is_known else 0.0

    def estimate_s(self, rows: int) -> float:
        """Seconds for a batch of `rows`; 0 while unknown."""
        return self.fixed_s + self.per_row_s * rows

    def learn(self, rows: int, seconds: float) -> None:
        """Take a batch that came back into account.

        Args:
            rows: at least 1.
            seconds: of computing, without waiting.
        """
        self._samples += 1
        if self._samples == 1:
            return
        for bucket in self._buckets.values():
            bucket.weight *= _FORGET
        self._buckets.setdefault(rows.bit_length(), _Bucket()).learn(rows, seconds)
        self._fit()

    def expect(self, sizes: Sequence[SizeCost]) -> None:
        """Begin with what was measured before the first batch; called at most once.

        Batches move it as they move what was learned from many, so one slow first batch does not.
        """
        for size in sizes:
            # Of several sizes of about as many rows, the largest stands for them.
            bucket = self._buckets[size.rows.bit_length()] = _Bucket()
            bucket.rows, bucket.seconds, bucket.weight = float(size.rows), size.seconds, 1.0
        if sizes:
            self._samples = _MIN_SAMPLES
            self._fit()

    def _fit(self) -> None:
        buckets = list(self._buckets.values())
        weight = sum(bucket.weight for bucket in buckets)
        mean_rows = sum(bucket.weight * bucket.rows for bucket in buckets) / weight
        mean_s = sum(bucket.weight * bucket.seconds for bucket in buckets) / weight
        variance = sum(bucket.weight * (bucket.rows - mean_rows) ** 2 for bucket in buckets)
        covariance = sum(bucket.weight * (bucket.rows - mean_rows) * (bucket.seconds - mean_s) for bucket in buckets)
        # All batches alike tell nothing of the slope: the kind guess, a flat cost, refuses nobody.
        per_row_s = max(0.0, covariance / variance) if variance > 0 else 0.0
        if per_row_s * mean_rows > mean_s:
            per_row_s = mean_s / mean_rows
        self._per_row_s = per_row_s
        self._fixed_s = max(0.0, mean_s - per_row_s * mean_rows)


class _Bucket:
    """The typical rows and seconds of batches of one power of two."""

    def __init__(self) -> None:
        self.rows = 0.0
        self.seconds = math.inf
        self.weight = 0.0

    def learn(self, rows: int, seconds: float) -> None:
        if self.weight < _GROWN_UP_WEIGHT and seconds < self.seconds:
            self.rows, self.seconds = float(rows), seconds
        else:
            clipped = min(max(seconds, self.seconds / _MAX_PULL), self.seconds * _MAX_PULL)
            # Down is believed faster than up: delays come in many kinds, haste in none.
            rate = _LEARNING_RATE if clipped > self.seconds else 2 * _LEARNING_RATE
            self.seconds += rate * (clipped - self.seconds)
            self.rows += _LEARNING_RATE * (rows - self.rows)
        self.weight = min(1.0, self.weight + _WEIGHT_OF_A_BATCH)
