"""Runners that tests steer from outside, through files in the folder that `JUBAKO_TEST_FOLDER` names."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from pathlib import Path

import numpy as np

from jubako._origins import current_origins
from jubako.contracts.runner import PendingBatch
from jubako.runners import Runner, SimpleRunner

DEADLY = 666.0
_FOLDER = Path(os.environ.get("JUBAKO_TEST_FOLDER", "/nonexistent"))


class Gated(Runner):
    """Returns its rows negated, and writes down each batch; waits while the file `closed` exists; dies of 666."""

    def _setup(self):
        pass

    def _run_batch(self, rows):
        with (_FOLDER / "batches").open("a") as file:
            file.write(json.dumps(np.asarray(rows).ravel()[:2000].tolist()) + "\n")
        while (_FOLDER / "closed").exists():
            time.sleep(0.002)
        if (np.asarray(rows) == DEADLY).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return -np.asarray(rows)


class Overlapping(Gated):
    """The same, in batches that overlap: each waits, and dies, while it is waited for."""

    def _run_batch(self, rows):
        return _Pending(lambda: Gated._run_batch(self, rows))


class _Pending(PendingBatch):
    compute_s = 0.001

    def __init__(self, compute):
        self._compute = compute

    def result(self):
        return self._compute()


class Once(Gated):
    """The same, and no call may be computed twice."""

    is_idempotent = False


class Stuck(Gated):
    """Holds the interpreter's lock for ever when it is given 13."""

    def _run_batch(self, rows):
        answer = super()._run_batch(rows)
        if (np.asarray(rows) == 13.0).any():
            # PyDLL, unlike CDLL, keeps the lock.
            ctypes.PyDLL(None).sleep(1000)
        return answer


class Big(Runner):
    """Returns its rows doubled."""

    def _setup(self):
        pass

    def _run_batch(self, rows):
        return rows * 2


class Slow(Runner):
    """Returns its rows after a tenth of a second."""

    def _setup(self):
        pass

    def _run_batch(self, rows):
        time.sleep(0.1)
        return rows


class Kinds(SimpleRunner):
    """Says what it was given, and gives it back."""

    def _setup(self):
        pass

    def _run(self, *args, **kwargs):
        kinds = [type(value).__name__ for value in (*args, *kwargs.values())]
        return kinds, list(args), kwargs, [tuple(origin) for origin in current_origins.get()]


class OnlyHere(Runner):
    """Returns objects of a class that the other process cannot import."""

    def _setup(self):
        pass

    def _run_batch(self, rows):
        return [Secret() if row < 0 else row for row in rows]


class Secret:
    """Not importable by the name it says."""


Secret.__module__ = "nowhere_at_all"


def leave():
    """What pickles of `Secret` do not name."""
    return Secret
