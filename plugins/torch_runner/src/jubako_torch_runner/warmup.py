"""`measure`: which batches fit a device, and what they take, found by running some before the first call."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from fractions import Fraction

import attrs

from jubako.values.batch_profile import BatchProfile, SizeCost
from jubako_torch_runner.device import BatchTimes, DeviceMemory, OutOfDeviceMemory

MARGIN = Fraction(1, 20)
"""Of the free memory that is left alone: fragments, and libraries' workspaces that differ by size."""
_STEADY = 0.02


def measure(
    run: Callable[[int], BatchTimes],
    peak: Callable[[int], int],
    memory: DeviceMemory,
    max_rows: int,
    *,
    repeats: int = 5,
    budget_s: float = 5.0,
) -> BatchProfile:
    """Run batches of 1, 2, 4, … rows up to the largest that fits or is wanted, and that one.

    Memory is taken to grow in a straight line between sizes that were run, and on beyond the largest of them. A size
    that by this line does not fit is not tried; the one that just fits is run once before it is believed. Where the
    line is wrong and a batch does not fit, what fits is found by bisection.

    Args:
        run: computes a batch of so many rows, and says what it took; raises OutOfDeviceMemory.
        peak: computes one, and says how many bytes were taken for it meanwhile; raises OutOfDeviceMemory.
        memory: before the first batch.
        max_rows: the largest batch that will be asked for; at least 1.
        repeats: how often a size is timed; more often, up to three times so often, while its median moves.
        budget_s: of the device's own time, after which no larger size is tried; the limit is then the line's.

    Returns:
        The profile; `limit_rows` is None if `max_rows` fit. Seconds are those of computing, which copies overlap.

    Raises:
        OutOfDeviceMemory: not even one row fits.
    """
    return _Measurement(run, peak, memory, max_rows, repeats, budget_s).measure()


class _Measurement:
    def __init__(
        self,
        run: Callable[[int], BatchTimes],
        peak: Callable[[int], int],
        memory: DeviceMemory,
        max_rows: int,
        repeats: int,
        budget_s: float,
    ) -> None:
        self._run = run
        self._peak = peak
        self._max_rows = max_rows
        self._repeats = repeats
        self._left_s = budget_s
        free_bytes = memory.limit_bytes - memory.used_bytes
        self._line = _MemoryLine(int(free_bytes * (1 - MARGIN)))
        self._costs: dict[int, SizeCost] = {}

    def measure(self) -> BatchProfile:
        limit_rows = self._climb()
        sizes = tuple(self._costs[rows] for rows in sorted(self._costs) if limit_rows is None or rows <= limit_rows)
        return BatchProfile(limit_rows, sizes)

    def _climb(self) -> int | None:
        """Measure sizes until one does not fit; the largest that does, or None if all that are wanted do."""
        self._line.add(1, self._peak(1))
        fits = 1
        while True:
            self._time(fits)
            if fits == self._max_rows:
                return None
            if self._left_s <= 0:
                expected = self._line.rows_that_fit(self._max_rows)
                return None if expected == self._max_rows else expected
            wanted = min(2 * fits, self._max_rows)
            rows = self._line.rows_that_fit(wanted)
            if rows == fits:
                return fits
            if not self._fits(rows):
                return self._bisect(fits, rows)
            fits = rows
            if rows < wanted:
                self._time(rows)
                return rows

    def _bisect(self, fits: int, fails: int) -> int:
        while fails - fits > 1:
            middle = (fits + fails) // 2
            if self._fits(middle):
                fits = middle
            else:
                fails = middle
        self._time(fits)
        return fits

    def _fits(self, rows: int) -> bool:
        """Run a size for the first time, when libraries choose their algorithms, and note what memory it takes."""
        try:
            peak_bytes = self._peak(rows)
        except OutOfDeviceMemory:
            return False
        self._line.add(rows, peak_bytes)
        return True

    def _time(self, rows: int) -> None:
        """Time a size until the median no longer moves; the first run went to `_fits`."""
        if rows in self._costs:
            return
        seconds: list[float] = []
        before = 0.0
        while len(seconds) < 3 * self._repeats:
            times = self._run(rows)
            seconds.append(times.compute_s)
            self._left_s -= times.compute_s + times.copy_s
            if self._left_s <= 0:
                break
            if len(seconds) % self._repeats == 0:
                median = statistics.median(seconds)
                if abs(median - before) <= _STEADY * median:
                    break
                before = median
        self._costs[rows] = SizeCost(rows, statistics.median(seconds))


@attrs.define
class _MemoryLine:
    """What memory batches took, and what larger ones will."""

    free_bytes: int
    _points: list[tuple[int, int]] = attrs.field(factory=list)

    def add(self, rows: int, peak_bytes: int) -> None:
        """Note a size."""
        self._points.append((rows, peak_bytes))

    def rows_that_fit(self, wanted: int) -> int:
        """`wanted`, or fewer; at least what was run last, for that did fit."""
        rows, peak_bytes = self._points[-1]
        rise = max(self._rise_since(0), self._rise_since(-2))
        if rise <= 0:
            return wanted
        return min(wanted, max(rows, rows + int((self.free_bytes - peak_bytes) / rise)))

    def _rise_since(self, place: int) -> Fraction:
        """Bytes a row; both of the last part, for it may be the steepest, and of all, for a part may be noise."""
        (rows, peak_bytes), last = self._points[max(place, -len(self._points))], self._points[-1]
        return Fraction(last[1] - peak_bytes, last[0] - rows) if last[0] > rows else Fraction(0)
