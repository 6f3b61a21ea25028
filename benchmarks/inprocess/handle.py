"""Drives the runner of W3 in process, in turns with the model alone, and prints one line of JSON a turn.

`python -m benchmarks.inprocess.handle --seconds 2 --rounds 5`, in the environment of Jubako: the inline backend, no
HTTP, batches of up to 64 rows, one thread for the model. Every turn of the runner has one of the model before and one
after it, so that a machine that grows slower meanwhile favours neither.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

import numpy as np
import torch

from benchmarks.inprocess.mlp import FEATURES, Mlp, make_mlp
from benchmarks.inprocess.raw import drive_raw
from jubako.backends.inline import open_backend
from jubako.runners import Runner
from jubako.serving.system import settle_memory
from jubako.workspace import current_workspace

BATCH = 64
RAW = "raw"
BATCHES = "batches"
ROWS = "rows"
"""The turns: the model alone; the runner, called with 64 rows at a time; the runner, called with one row at a time."""

# Three batches' worth: one is computed, one is ready, and the callers of the third are on their way.
_CALLERS = {BATCHES: 3, ROWS: 3 * BATCH}
_TOLERANCE = 1e-5
_SHORTEST_S = 0.2


async def drive_calls(call: Callable[[], Awaitable[object]], callers: int, seconds: float) -> float:
    """Calls per second when each of the callers makes its next call as soon as it has the answer to the last."""
    begun_s = time.perf_counter()
    numbers = itertools.count()

    async def go_on() -> None:
        while time.perf_counter() - begun_s < seconds:
            await call()
            next(numbers)

    await asyncio.gather(*(go_on() for _ in range(callers)))
    return next(numbers) / (time.perf_counter() - begun_s)


async def take_turns(runner: Runner, model: Mlp, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """One record a turn: its kind, its round and rows per second.

    Args:
        runner: started; serves `model`.
        model: what it is compared with.
        seconds: of each turn.
        rounds: of model, runner with batches, model, runner with rows, model.
    """
    batch = np.random.default_rng(1).uniform(-1, 1, (BATCH, FEATURES)).astype(np.float32)
    rows = itertools.cycle(batch)
    drives: dict[str, Callable[[float], Awaitable[float]]] = {
        RAW: lambda lasting_s: asyncio.to_thread(_rate_of_raw, model, lasting_s),
        BATCHES: lambda lasting_s: _times(
            BATCH, drive_calls(lambda: runner.async_run_batch(batch), _CALLERS[BATCHES], lasting_s)
        ),
        ROWS: lambda lasting_s: drive_calls(lambda: runner.async_run(next(rows)), _CALLERS[ROWS], lasting_s),
    }
    await _check_answers(runner, model, batch)
    for drive in drives.values():
        await drive(_SHORTEST_S)
    return [
        {"turn": turn, "round": number, "rows_per_s": await drives[turn](seconds)}
        for number in range(1, rounds + 1)
        for turn in (RAW, BATCHES, RAW, ROWS, RAW)
    ]


def main() -> None:
    """Measure, and print the turns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    options = parser.parse_args()
    for turn in asyncio.run(_measure(options.seconds, options.rounds)):
        print(json.dumps(turn), flush=True)


async def _measure(seconds: float, rounds: int) -> list[dict[str, Any]]:
    workspace = current_workspace()
    runner: Runner = import_module("jubako.torch").load_runner("mlp")
    runner.resource_quota.cpu = 1
    runner.batch_options.max_batch_size = BATCH
    backend = open_backend(workspace.composition, workspace.settings)
    await backend.start([runner])
    # As every process of a server does when it is ready.
    settle_memory()
    try:
        return await take_turns(runner, make_mlp(), seconds, rounds)
    finally:
        await backend.stop()


async def _check_answers(runner: Runner, model: Mlp, batch: np.ndarray) -> None:
    with torch.inference_mode():
        right = model(torch.from_numpy(batch)).numpy()
    if not np.allclose(await runner.async_run_batch(batch), right, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise SystemExit("the runner answers with other numbers than the model")


def _rate_of_raw(model: Mlp, seconds: float) -> float:
    # Of this thread: what another one was told does not count here.
    torch.set_num_threads(1)
    took = drive_raw(model, BATCH, seconds)
    return BATCH * len(took) / sum(took)


async def _times(rows: int, rate: Awaitable[float]) -> float:
    return rows * await rate


if __name__ == "__main__":
    main()
