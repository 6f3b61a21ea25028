"""Sets the wall clock of every Python process by the seconds that a file says; for systems without libfaketime.

Found by interpreters that have this folder on PYTHONPATH.
"""

from __future__ import annotations

import os
import time

_time, _time_ns = time.time, time.time_ns


def _shift_s() -> int:
    try:
        with open(os.environ["FAKETIME_TIMESTAMP_FILE"], encoding="ascii") as file:  # noqa: PTH123
            return int(file.read() or 0)
    except (OSError, ValueError):
        return 0


time.time = lambda: _time() + _shift_s()
time.time_ns = lambda: _time_ns() + _shift_s() * 1_000_000_000
