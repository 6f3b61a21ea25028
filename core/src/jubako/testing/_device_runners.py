"""Runners of `BackendTests` that overlap batches, join calls by themselves, and measure their device."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from jubako.contracts.runner import AnswerPerCall, CallJoiner, JoinableCall, PendingBatch
from jubako.errors import BatchTooLarge
from jubako.runners import Runner

_FITTING_ROWS = 5


class _Negative(PendingBatch):
    """Rows that are negated once somebody waits for them."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    @property
    def compute_s(self) -> float:
        return 0.001

    def result(self) -> Any:
        if len(self._rows) > _FITTING_ROWS:
            raise BatchTooLarge(f"no room for {len(self._rows)} rows")
        if np.isnan(self._rows).any():
            raise ZeroDivisionError("not a number")
        return -self._rows


class Overlapping(Runner):
    """Negates rows, in batches that overlap; more than five rows do not fit."""

    def _setup(self) -> None:
        pass

    def _run_batch(self, rows: Any) -> Any:
        return _Negative(rows)


class _AnyLength(CallJoiner):
    """Joins rows of any length, padded with zeros."""

    def fit_key(self, method: str, call: JoinableCall) -> Hashable | None:
        return call.args[0].ndim, call.args[0].dtype.str

    def run(self, method: str, calls: Sequence[JoinableCall]) -> Any:
        width = max(call.args[0].shape[1] for call in calls)
        joined = np.concatenate([np.pad(call.args[0], ((0, 0), (0, width - call.args[0].shape[1]))) for call in calls])
        ends = np.cumsum([call.rows for call in calls])
        parts = np.split(-joined, ends[:-1])
        return AnswerPerCall(tuple(part[:, : call.args[0].shape[1]] for call, part in zip(calls, parts, strict=True)))


class Padded(Runner):
    """Negates rows of different lengths in one batch."""

    def _setup(self) -> None:
        self.call_joiner = _AnyLength()

    def _run_batch(self, rows: Any) -> Any:
        raise NotImplementedError("its joiner runs instead")


class Mismeasured(Runner):
    """Gives a wrong profile of its device."""

    def _setup(self) -> None:
        pass

    def batch_profile(self, method: str) -> Any:
        return {"limit_rows": 7}

    def _run_batch(self, rows: Any) -> Any:
        return rows
