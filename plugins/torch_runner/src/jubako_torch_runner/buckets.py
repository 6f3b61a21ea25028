"""`Buckets`: the sizes that batches are padded to, where the device is no slower for it."""

from __future__ import annotations

from bisect import bisect_left

from jubako.values.batch_profile import BatchProfile

_NOISE = 0.02
_WORTH_SKIPPING = 0.05


class Buckets:
    """What a profile's curve says of padding; a size between two that were measured is taken to lie on their line.

    Fewer sizes are good for the device: its libraries choose algorithms, and its allocator keeps blocks, by size.

    Args:
        profile: as it was measured; without sizes, nothing is padded.
    """

    def __init__(self, profile: BatchProfile) -> None:
        limit_rows = profile.limit_rows
        self._sizes = [size for size in profile.sizes if limit_rows is None or size.rows <= limit_rows]
        self._rows = [size.rows for size in self._sizes]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that something may be padded to, ascending."""
        return tuple(self._rows)

    def bucket_for(self, rows: int) -> int:
        """The size to compute `rows` as: at least `rows`; the same for any size of which it is the answer.

        The next size that was measured, if that is no slower than `rows` within the noise of measuring (2 %); a larger
        one, if it is faster than that by more than 5 %, as where a library has a better algorithm for it.

        Args:
            rows: at least 1; beyond the largest size it is the answer itself.
        """
        place = bisect_left(self._rows, rows)
        if place == len(self._sizes):
            return rows
        best = self._sizes[place]
        for size in self._sizes[place + 1 :]:
            if size.seconds < (1 - _WORTH_SKIPPING) * best.seconds:
                best = size
        return best.rows if best.seconds <= (1 + _NOISE) * self.estimate_s(rows) else rows

    def estimate_s(self, rows: int) -> float:
        """Seconds for `rows`, by the line between the two sizes around; that of the nearest beyond them; 0 if none."""
        if not self._sizes:
            return 0.0
        place = bisect_left(self._rows, rows)
        if place == len(self._sizes):
            return self._sizes[-1].seconds
        above = self._sizes[place]
        if place == 0 or above.rows == rows:
            return above.seconds
        below = self._sizes[place - 1]
        share = (rows - below.rows) / (above.rows - below.rows)
        return below.seconds + share * (above.seconds - below.seconds)
