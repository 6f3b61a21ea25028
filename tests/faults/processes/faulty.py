"""A service whose model does what it is asked to, copied into the folder of each test: `[deed, argument]` a row.

How it loads is said by the file `load` beside it, which is read whenever a replica starts.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

import jubako
from jubako.io import JSON

HERE = Path(__file__).parent
# Of the source, so to speak: the whole generation has the one that was there when it began.
VERSION = int((HERE / "version").read_text())

COMPUTE, SLEEP = 0, 1
SEGFAULT, EXIT_AT_ONCE, EXIT, NO_MEMORY, NO_STACK, ABORT, KILL = -1, -2, -3, -4, -5, -6, -7
HOG, PRINT, PRINT_BINARY, THREADS, PROCESSES, FILES = -8, -9, -10, -11, -12, -13


def load() -> None:
    """Load as the file says: at once, `slow SECONDS`, `never`, `die`, or `fail TIMES`."""
    word, _, argument = (HERE / "load").read_text().partition(" ")
    match word:
        case "slow":
            time.sleep(float(argument))
        case "never":
            time.sleep(3600)
        case "die":
            os._exit(7)
        case "fail":
            left = int(argument)
            if left > 0:
                (HERE / "load").write_text(f"fail {left - 1}")
                raise OSError("the weights are not there yet")


def do(deed: int, argument: float) -> None:
    """Do what one row asks for, other than to compute."""
    match deed:
        case -1:
            ctypes.string_at(0)
        case -2:
            os._exit(3)
        case -3:
            sys.exit(3)
        case -4:
            bytearray(1 << 60)
        case -5:
            do(deed, argument)
            raise AssertionError("there is no end of the stack")
        case -6:
            os.abort()
        case -7:
            os.kill(os.getpid(), signal.SIGKILL)
        case -8:
            # Written to, or the system would not count it.
            held = b"x" * (int(argument) << 20)
            del held
        case -9:
            line = "x" * 1023
            for _ in range(int(argument) << 10):
                print(line)  # noqa: T201 - that is what is asked for
        case -10:
            sys.stdout.buffer.write(os.urandom(int(argument) << 10))
            sys.stdout.buffer.flush()
        case -11:
            for _ in range(int(argument)):
                threading.Thread(target=threading.Event().wait, daemon=True).start()
        case -12:
            for _ in range(int(argument)):
                if os.fork() == 0:
                    while True:
                        signal.pause()
        case -13:
            held_files = [Path(os.devnull).open("rb") for _ in range(int(argument))]  # noqa: SIM115
            for each in held_files:
                each.close()


class Model(jubako.Runner):
    """Doubles; a batch takes 10 ms, or as long as its longest sleep."""

    @property
    def num_replica(self) -> int:
        return int(os.environ.get("REPLICAS", "1"))

    def _setup(self) -> None:
        load()
        self.batches = 0

    def _run_batch(self, rows: np.ndarray) -> np.ndarray:
        self.batches += 1
        sleeps = rows[rows[:, 0] == SLEEP, 1]
        if sleeps.size:
            (HERE / "begun").touch()
        time.sleep(max(0.01, *sleeps, 0.0))
        for deed, argument in rows[rows[:, 0] < 0]:
            do(int(deed), argument)
        said = np.array([os.getpid(), VERSION, self.batches], dtype=float)
        return np.concatenate([2 * rows[:, 1:], np.tile(said, (len(rows), 1))], axis=1)


runner = Model("model")
svc = jubako.Service("faulty", runners=[runner])


@svc.api(input=JSON(), output=JSON())
async def ask(row: list[float]) -> dict[str, float]:
    """What the model made of one row, which processes answer, of which version, and in which batch it was."""
    value, pid, version, batch = (await runner.async_run(np.array(row, dtype=float))).tolist()
    document = {"value": value, "pid": pid, "version": version, "batch": batch}
    return {**document, "api_version": VERSION, "api_pid": os.getpid()}


@svc.api(input=JSON(), output=JSON())
async def wait(seconds: float) -> str:
    """Answer later, without the model."""
    await asyncio.sleep(seconds)
    return "waited"
