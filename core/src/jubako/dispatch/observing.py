"""`BatchObservers`: tells observers of batches, and outlives those that fail."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from jubako.contracts.backend import BatchRecord, DispatchObserver

_log = logging.getLogger("jubako.dispatch")


class BatchObservers:
    """The observers of one backend, beside the callers; one that raises is logged and not told any more.

    Args:
        observers: hear of every batch.
    """

    def __init__(self, observers: Iterable[DispatchObserver] = ()) -> None:
        self._observers = list(observers)

    def batch_returned(self, record: BatchRecord) -> None:
        """Tell all of them of one batch."""
        for observer in list(self._observers):
            try:
                observer.batch_returned(record)
            # Foreign code: an observer that fails is named, and must not cost an answer.
            except Exception:  # noqa: BLE001  # foreign code, named in the log
                _log.exception("observer %r raised and is not told of batches any more", observer)
                self._observers.remove(observer)
