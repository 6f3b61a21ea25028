"""Runners that tests steer through the folder that the environment names, and that write down what they compute."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import numpy as np

from jubako.errors import BadInput, BatchTooLarge
from jubako.runners import Runner

FOLDER = "FAULTS_FOLDER"
BATCHES = "batches"
GATE = "gate"

GOOD = 0.0
KINDS = {
    "raises": 1.0,
    "refuses": 2.0,
    "exits": 3.0,
    "one row too few": 4.0,
    "one row too many": 5.0,
    "no rows": 6.0,
    "nothing": 7.0,
    "a generator of a row too few": 8.0,
    "a number": 9.0,
    "a text": 10.0,
    "parts of different rows": 11.0,
    "an array without axes": 12.0,
}
"""What a row can do to its batch, by the number in its second column."""


def folder() -> Path:
    """Where the tests and the runners meet."""
    return Path(os.environ[FOLDER])


def write_down(record: object) -> None:
    """Append one line, whole, whichever process writes."""
    with (folder() / BATCHES).open("a") as file:
        file.write(json.dumps(record) + "\n")


def written(where: Path | None = None) -> list[list[str]]:
    """What was written down: of every batch the first column."""
    path = (where or folder()) / BATCHES
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for_gate() -> None:
    """Wait until as many batches are let through as were begun; all are while there is no gate."""
    gate = folder() / GATE
    begun = len(written())
    while gate.exists():
        # It may be replaced or taken away at any moment.
        try:
            if int(gate.read_text() or 0) >= begun:
                return
        except FileNotFoundError:
            return
        time.sleep(0.001)


class Watched:
    """For runners whose batches are written down, and wait at the gate."""

    def begin(self, rows: np.ndarray) -> None:
        """Write the batch down, and wait."""
        write_down([str(value) for value in np.asarray(rows).reshape(len(rows), -1)[:, 0]])
        wait_for_gate()


class Steered(Watched, Runner):
    """Answers each row [number, kind] with a row that is made of its number alone; fails as the kinds in it say."""

    def _setup(self) -> None:
        self.factors = np.array([3.0, 0.1])

    def _run_batch(self, rows):
        self.begin(rows)
        answers = np.sin(rows[:, :1] * self.factors)
        if np.isnan(rows).any():
            raise ValueError("not a number")
        for name, kind in KINDS.items():
            if (rows[:, 1] == kind).any():
                return _fail(name, answers)
        return answers


def _fail(name: str, answers: np.ndarray) -> object:
    if name == "raises":
        raise ValueError("a bad row")
    if name == "refuses":
        raise BadInput("a bad row")
    if name == "exits":
        raise SystemExit(3)
    return {
        "one row too few": answers[1:],
        "one row too many": np.concatenate([answers, answers[:1]]),
        "no rows": [],
        "nothing": None,
        "a generator of a row too few": (row for row in answers[1:]),
        "a number": 7,
        "a text": "seven",
        "parts of different rows": (answers, answers[1:]),
        "an array without axes": np.array(7.0),
    }[name]


class Small(Watched, Runner):
    """Doubles rows on a device that has room for ten."""

    room = 10

    def _setup(self) -> None:
        self.factor = 2.0

    def _run_batch(self, rows):
        self.begin(rows)
        if len(rows) > self.room:
            raise BatchTooLarge(f"the device has no room for {len(rows)} rows")
        return rows * self.factor


class Paced(Runner):
    """Returns its rows after `FAULTS_FIXED_S`, `FAULTS_ROW_S` for each, and the first time `FAULTS_FIRST_S`."""

    def _setup(self) -> None:
        self.fixed_s, self.row_s, self.first_s = (
            float(os.environ.get(name, "0")) for name in ("FAULTS_FIXED_S", "FAULTS_ROW_S", "FAULTS_FIRST_S")
        )

    def _run_batch(self, rows):
        if FOLDER in os.environ:
            write_down([str(value) for value in rows[:, 0]])
        # Not time.sleep, which libfaketime 0.9.10 breaks where the monotonic clock is left as it is.
        threading.Event().wait(self.first_s + self.fixed_s + self.row_s * len(rows))
        self.first_s = 0.0
        return rows


class Telling(Watched, Runner):
    """Says of each row what it was computed as: value, type, shape, and the other arguments."""

    def _setup(self) -> None:
        pass

    def _run_batch(self, rows, scale=None, shift=None):
        write_down([""] * len(rows))
        kind = "list" if isinstance(rows, list) else rows.dtype.str
        told = []
        for number, row in enumerate(rows):
            items = row if isinstance(rows, list) else (np.asarray(row).tolist(), np.shape(row))
            other = None if shift is None else (shift[number].tolist(), shift.shape[1:])
            told.append(repr((kind, items, type(scale).__name__, repr(scale), other)))
        return told
