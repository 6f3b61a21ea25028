"""Runs one model with the PyTorch runner on the inline backend, and drives it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.gpu.models import Case, Rows
from benchmarks.gpu.recording import Recorder
from benchmarks.gpu.targets import Target
from jubako.backends.inline import open_backend
from jubako.runners import Runner
from jubako.serving.system import settle_memory
from jubako.values.placement import Placement
from jubako.workspace import current_workspace

_DEADLINE_S = 120.0


@dataclass(frozen=True)
class Serving:
    """A runner that has started.

    Args:
        runner: ready.
        recorder: the device that it computes on.
        ready_s: how long loading, placing and warming up took.
        limit_rows: the largest batch: what the device has memory for, at most the option.
    """

    runner: Runner
    recorder: Recorder
    ready_s: float
    limit_rows: int


@contextlib.asynccontextmanager
async def serving(case: Case, target: Target, *, max_latency_ms: float | None = None) -> AsyncIterator[Serving]:
    """Save a model unless it is saved, and run it until the block ends; in the current workspace.

    Args:
        case: the model.
        target: where it computes.
        max_latency_ms: the option.
    """
    workspace = current_workspace()
    framework = import_module("jubako.torch")
    if not any(model.tag.name == case.name for model in import_module("jubako").models.list()):
        example = case.make_rows(np.random.default_rng(1), 1)
        framework.save(case.name, case.make_module(), init=dict(case.init), example_inputs=example)
    runner = framework.load_runner(case.name, **case.load)
    runner.batch_options.max_batch_size = case.max_batch_size
    runner.batch_options.max_batch_bytes = 2**31
    runner.batch_options.max_latency_ms = max_latency_ms
    runner.batch_options.timeout_s = _DEADLINE_S
    runner.resource_quota.gpus = target.gpus
    # A plain loop on the processor has one thread too.
    runner.resource_quota.cpu = 1
    opened: list[Recorder] = []

    def open_device(placement: Placement) -> Recorder:
        opened.append(Recorder(target.open_device(placement)))
        return opened[-1]

    runner.open_device = open_device
    backend = open_backend(workspace.composition, workspace.settings)
    begun_s = time.perf_counter()
    await backend.start([runner])
    try:
        profile = runner.batch_profile("run")
        known = None if profile is None else profile.limit_rows
        limit = case.max_batch_size if known is None else min(known, case.max_batch_size)
        opened[0].forget()
        ready_s = time.perf_counter() - begun_s
        # As every process of a server does when it is ready: torch alone makes a full collection take 0.1 s and more.
        settle_memory()
        yield Serving(runner, opened[0], ready_s, limit)
    finally:
        await backend.stop()


def cut(rows: Rows, start: int, stop: int) -> Rows:
    """Some rows of each argument."""
    return tuple(argument[start:stop] for argument in rows)


async def saturate(runner: Runner, rows: Rows, per_call: int, callers: int, seconds: float) -> tuple[int, float]:
    """Rows that were answered, and in how many seconds; each caller makes its next call when it has its last answer.

    Args:
        runner: started.
        rows: calls go round them.
        per_call: rows of each call; `rows` has that many times some number.
        callers: at the same time.
        seconds: how long calls are made; those under way are waited for, and count with their time.
    """
    starts = itertools.cycle(range(0, len(rows[0]), per_call))
    blocks = {start: cut(rows, start, start + per_call) for start in range(0, len(rows[0]), per_call)}
    begun_s = time.perf_counter()
    answered = 0

    async def go_on() -> None:
        nonlocal answered
        while time.perf_counter() - begun_s < seconds:
            await runner.async_run_batch(*blocks[next(starts)])
            answered += per_call

    await asyncio.gather(*(go_on() for _ in range(callers)))
    return answered, time.perf_counter() - begun_s


async def arrive(
    runner: Runner, rows: Rows, per_call: int, rows_per_s: float, seconds: float, random: np.random.Generator
) -> list[float]:
    """The seconds that calls took which arrive whether or not others are answered (Poisson), in order of arrival.

    Args:
        runner: started.
        rows: calls go round them.
        per_call: rows of each call.
        rows_per_s: that arrive on average.
        seconds: how long.
        random: draws the times of arrival.
    """
    loop = asyncio.get_running_loop()
    gaps = random.exponential(per_call / rows_per_s, max(1, int(seconds * rows_per_s / per_call)))
    begun_s = loop.time()
    starts = itertools.cycle(range(0, len(rows[0]) - per_call + 1, per_call))

    async def call(due_s: float) -> float:
        start = next(starts)
        await runner.async_run_batch(*cut(rows, start, start + per_call))
        # From when it was due: a loop that is late is not the caller's fault.
        return loop.time() - due_s

    calls: list[asyncio.Task[float]] = []
    for due_s in begun_s + np.cumsum(gaps):
        delay_s = float(due_s) - loop.time()
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        calls.append(asyncio.create_task(call(float(due_s))))
    return list(await asyncio.gather(*calls))


async def ask_all(runner: Runner, rows: Rows, pieces: Sequence[tuple[int, int]], callers: int) -> list[Any]:
    """The outcome of a call for each piece of the rows, an answer or the error, in order; `callers` at a time."""
    outcomes: list[Any] = [None] * len(pieces)
    numbers = iter(range(len(pieces)))

    async def go_on() -> None:
        for number in numbers:
            try:
                outcomes[number] = await runner.async_run_batch(*cut(rows, *pieces[number]))
            # Whatever went wrong is what is looked for.
            except Exception as error:  # noqa: BLE001  # recorded
                outcomes[number] = error

    await asyncio.gather(*(go_on() for _ in range(callers)))
    return outcomes


def random_pieces(random: np.random.Generator, total: int, count: int, largest: int) -> Iterator[tuple[int, int]]:
    """So many random pieces of `total` rows, of 1 to `largest` rows each."""
    for _ in range(count):
        size = int(random.integers(1, largest + 1))
        start = int(random.integers(0, total - size + 1))
        yield start, start + size


def count_wrong(outcomes: Sequence[Any], right: np.ndarray, pieces: Sequence[tuple[int, int]], tolerance: float) -> int:
    """How many outcomes are not the right rows, errors included."""
    return sum(
        isinstance(outcome, BaseException) or not is_near(np.asarray(outcome), right[start:stop], tolerance)
        for outcome, (start, stop) in zip(outcomes, pieces, strict=True)
    )


def is_near(answer: np.ndarray, right: np.ndarray, tolerance: float) -> bool:
    """True if the shape is right, and each number within the tolerance."""
    return answer.shape == right.shape and bool(np.allclose(answer, right, rtol=tolerance, atol=tolerance))
