"""`BatchLimit`: how many rows a batch may have on a device whose memory nobody knows."""

from __future__ import annotations

_FULL_BATCHES = 256


class BatchLimit:
    """Finds the largest batch that fits by halving what is unknown, keeps it, and now and then tries one row more.

    After a batch that did not fit, the limit lies in the middle between the most rows that are known to fit and the
    fewest that are known not to, until nothing lies between. Then it stays for many full batches. As memory may have
    been freed since, one row more is tried after that, and ever more while they fit; each time that this fails, twice
    as many full batches go before the next. Less memory than there was shows in a batch that does not fit any more.

    Pure: no clock, no thread.

    Args:
        max_rows: never exceeded.
        first_rows: where it begins, if that is less, as if one row more had been tried in vain.
        full_batches: how many go before more is tried for the first time.

    Attributes:
        fitting_rows: the most that are known to fit; a smaller batch that fits and is not full teaches nothing.
    """

    def __init__(self, max_rows: int, first_rows: int | None = None, *, full_batches: int = _FULL_BATCHES) -> None:
        self._max_rows = max_rows
        self._rows = max_rows if first_rows is None else max(1, min(max_rows, first_rows))
        self.fitting_rows = 0
        self._failing_rows = None if self._rows == max_rows else self._rows + 1
        self._first_patience = self._patience = full_batches
        self._full_batches = 0
        # While more is tried: how many rows more, and what fitted before; the step is 0 while nothing is tried.
        self._step = 0
        self._tried_from_rows = 0

    @property
    def rows(self) -> int:
        """The most rows that a batch may have now."""
        return self._rows

    @property
    def is_settled(self) -> bool:
        """True if the limit is known, as far as what was computed tells."""
        if self._failing_rows is None:
            return self.fitting_rows >= self._max_rows
        return self.fitting_rows + 1 >= self._failing_rows

    def learn(self, fitting_rows: int, failing_rows: int | None, *, is_full: bool) -> None:
        """Take a batch into account.

        Args:
            fitting_rows: the most rows of it that were computed at once; 0 if none were.
            failing_rows: the fewest that did not fit; None if all did.
            is_full: True if the limit kept it from being larger.
        """
        if failing_rows is not None:
            self._fail(failing_rows)
        if fitting_rows:
            self._fit(min(fitting_rows, self._max_rows))
        if failing_rows is None and is_full:
            self._count_full()

    def _fail(self, rows: int) -> None:
        if rows <= self.fitting_rows:
            # Less memory than there was: what fits is not known any more.
            self.fitting_rows = 0
            self._patience = self._first_patience
        elif self._step and self.fitting_rows == self._tried_from_rows:
            self._patience *= 2
        self._step = 0
        self._full_batches = 0
        if self._failing_rows is None or rows < self._failing_rows:
            self._failing_rows = rows
        self._aim()

    def _fit(self, rows: int) -> None:
        if self._failing_rows is not None and rows >= self._failing_rows:
            self._try_more()
        self.fitting_rows = max(self.fitting_rows, rows)
        self._aim()

    def _count_full(self) -> None:
        if self._step:
            if self.fitting_rows > self._tried_from_rows:
                self._patience = self._first_patience
            self._step *= 2
            self._aim()
        elif self._failing_rows is not None:
            self._full_batches += 1
            if self._full_batches >= self._patience:
                self._try_more()
                self._aim()

    def _try_more(self) -> None:
        self._failing_rows = None
        self._full_batches = 0
        self._step = 1
        self._tried_from_rows = self.fitting_rows

    def _aim(self) -> None:
        if self._failing_rows is not None:
            rows = (self.fitting_rows + self._failing_rows) // 2
        else:
            rows = max(self._rows, self.fitting_rows + self._step)
        self._rows = max(1, min(self._max_rows, rows))
        if self.fitting_rows >= self._max_rows:
            self._step = 0
