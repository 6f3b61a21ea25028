"""`DeviceCurve`: the seconds that a device computes a batch of n rows, for every n, learned and never falling with n.

A line does not do: devices work in blocks, so that 33 rows may cost as much as 64. Imports no framework.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable

import attrs

from jubako.values.batch_profile import SizeCost

_MIN_SAMPLES = 3
# As in the core's cost model: a sample pulls by a factor of 2 at most, and down is believed faster than up.
_MAX_PULL = math.log(2)
_RATE_UP, _RATE_DOWN = 0.15, 0.3
# What a sample says of its size is half believed of the device as a whole: all of it may be throttled.
_OF_THE_DEVICE = 0.5
_WEIGHT_OF_A_BATCH = 0.25
_WEIGHT_OF_A_PROFILE = 0.5
_GROWN_UP_SAMPLES = 2
_FORGET = 0.98
_LEAST_WEIGHT = 0.01
_EXACT_BITS = 6
# The curve is laid out anew when figures have moved by this share in all, and after so many batches.
_NOTICED = 0.03
_FIT_EACH = 32


@attrs.define
class _Size:
    """What is known of one size, relative to the device's pace at present; `seconds` are logarithms."""

    seconds: float
    weight: float
    samples: int
    seen_at: int
    is_measured: bool = False


class DeviceCurve:
    """Typical seconds by size: straight between sizes, and beyond the largest as the last part of the curve rises.

    Each size has one smoothed figure; a sample is clipped before it counts, so that a pause of the system is no trend,
    and what is slow only at first counts for nothing once a faster one came. Beside the figures by size there is one
    pace of the device: where a throttled device is seen at the sizes that run now, it is believed of the others too, in
    part, and what was not seen for long has little to say. Sizes that came out faster than smaller ones are averaged
    with these (isotonic regression).

    It is laid out anew when figures have changed enough to matter, for that takes a microsecond a size.

    Source: pooling adjacent violators is that of Ayer et al. (1955, Annals of Mathematical Statistics 26); curves by
    size instead of a line after Crankshaw et al., InferLine (SoCC 2020), which profiles each batch size.
    """

    def __init__(self) -> None:
        self._by_rows: dict[int, _Size] = {}
        self._pace = 0.0
        self._batches = 0
        self._is_fitted = True
        self._fitted_at = 0
        self._moved = 0.0
        self._version = 0
        self._rows: list[int] = []
        self._seconds: list[float] = []

    @property
    def is_known(self) -> bool:
        """True once a profile or enough batches were learned."""
        return self._batches >= _MIN_SAMPLES or any(size.is_measured for size in self._by_rows.values())

    @property
    def sizes(self) -> list[int]:
        """The sizes that something is known of, ascending."""
        self._fit()
        return self._rows

    @property
    def version(self) -> int:
        """Another one each time when figures may have changed."""
        self._fit()
        return self._version

    def know(self, sizes: Iterable[SizeCost]) -> None:
        """Begin with what was measured when the device was warmed up."""
        for size in sizes:
            if size.seconds > 0:
                self._by_rows[size.rows] = _Size(
                    math.log(size.seconds), _WEIGHT_OF_A_PROFILE, _GROWN_UP_SAMPLES, self._batches, is_measured=True
                )
        self._is_fitted = False

    def learn(self, rows: int, seconds: float) -> None:
        """Take a batch that came back into account.

        Args:
            rows: at least 1.
            seconds: of computing, without waiting for other batches; one that took none says nothing.
        """
        if seconds <= 0:
            return
        self._batches += 1
        rows = _bin_of(rows)
        sample = math.log(seconds) - self._pace
        size = self._by_rows.get(rows)
        if size is None:
            self._by_rows[rows] = _Size(sample, _WEIGHT_OF_A_BATCH, 1, self._batches)
            self._is_fitted = False
            return
        if size.samples < _GROWN_UP_SAMPLES and sample < size.seconds:
            size.seconds = sample
            self._is_fitted = False
        else:
            pull = max(-_MAX_PULL, min(_MAX_PULL, sample - size.seconds))
            pull *= _RATE_UP if pull > 0 else _RATE_DOWN
            self._pace += pull * _OF_THE_DEVICE
            size.seconds += pull * (1 - _OF_THE_DEVICE)
            self._moved += abs(pull)
            self._is_fitted &= self._moved < _NOTICED and self._batches - self._fitted_at < _FIT_EACH
        size.weight = min(1.0, self._weight_of(size) + _WEIGHT_OF_A_BATCH)
        size.samples += 1
        size.seen_at = self._batches

    def seconds(self, rows: int) -> float:
        """What a batch of `rows` is expected to take; 0 for none, and while nothing is known."""
        self._fit()
        if rows <= 0 or not self._rows:
            return 0.0
        place = bisect_left(self._rows, rows)
        if place == 0:
            return self._seconds[0]
        if place == len(self._rows):
            return self._beyond(rows)
        low, high = self._rows[place - 1], self._rows[place]
        share = (rows - low) / (high - low)
        return self._seconds[place - 1] + share * (self._seconds[place] - self._seconds[place - 1])

    def _beyond(self, rows: int) -> float:
        """As from half the largest size on: two sizes that are neighbours would say more of noise than of the curve."""
        largest = self._rows[-1]
        place = max(0, bisect_left(self._rows, largest / 2) - 1)
        if place == len(self._rows) - 1:
            return self._seconds[-1]
        slope = (self._seconds[-1] - self._seconds[place]) / (largest - self._rows[place])
        return self._seconds[-1] + slope * (rows - largest)

    def _weight_of(self, size: _Size) -> float:
        return size.weight * _FORGET ** (self._batches - size.seen_at)

    def _fit(self) -> None:
        if self._is_fitted:
            return
        self._is_fitted = True
        self._fitted_at = self._batches
        self._moved = 0.0
        self._version += 1
        pools: list[tuple[float, float, int]] = []  # weighted mean, weight, how many sizes
        self._rows = []
        for rows in sorted(self._by_rows):
            size = self._by_rows[rows]
            weight = self._weight_of(size)
            if weight < _LEAST_WEIGHT:
                if not size.is_measured:
                    del self._by_rows[rows]
                    continue
                weight = _LEAST_WEIGHT
            self._rows.append(rows)
            mean, count = size.seconds, 1
            while pools and pools[-1][0] > mean:
                before, before_weight, before_count = pools.pop()
                mean = (mean * weight + before * before_weight) / (weight + before_weight)
                weight += before_weight
                count += before_count
            pools.append((mean, weight, count))
        self._seconds = [seconds for mean, _, count in pools for seconds in [math.exp(mean + self._pace)] * count]


def _bin_of(rows: int) -> int:
    """Sizes up to 64 are told apart, larger ones to 3 %; powers of two end a bin, for devices like to step there."""
    width = 1 << max(0, (rows - 1).bit_length() - _EXACT_BITS)
    return -(-rows // width) * width
