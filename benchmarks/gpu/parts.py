"""What is checked and measured, one coroutine a part; each gives findings and takes a known time."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.gpu.findings import Finding, at_least, at_most
from benchmarks.gpu.models import Case, Rows
from benchmarks.gpu.serving import (
    Serving,
    arrive,
    ask_all,
    count_wrong,
    cut,
    is_near,
    random_pieces,
    saturate,
    serving,
)
from benchmarks.gpu.targets import Target
from benchmarks.inprocess.raw import percentile

PLAIN_BAR = 0.9
UTILISATION_BAR = 0.9
LOAD = 0.7
# A call's rows: several calls make a batch, as under many clients.
_CALLS_A_BATCH = 4
_BATCHES_UNDER_WAY = 3


@dataclass(frozen=True)
class Lengths:
    """How long parts take.

    Args:
        turn_s: seconds of one measurement.
        rounds: of a measurement in turns with another.
        latency_s: seconds of the load at 70 %.
        calls: of the part that counts lost ones.
    """

    turn_s: float
    rounds: int
    latency_s: float
    calls: int


async def check_answers(target: Target, lengths: Lengths) -> AsyncIterator[Finding]:
    """Batches of several sizes, of every model and type of numbers, answered as the module itself does."""
    for case in target.answer_cases:
        rows = case.make_rows(np.random.default_rng(5), case.max_batch_size)
        right = target.compute(case, rows).astype(np.float64)
        worst = 0.0
        held = True
        async with serving(case, target) as run:
            for size in (1, 3, run.limit_rows, case.max_batch_size):
                answer = np.asarray(await run.runner.async_run_batch(*cut(rows, 0, size)), np.float64)
                held = held and is_near(answer, right[:size], case.tolerance)
                worst = max(worst, float(np.abs(answer - right[:size]).max()))
        bar = f"within {case.tolerance:g}"
        yield Finding("answers as the module", describe(case), f"differs by {worst:.1e}", bar, held)


async def count_lost(target: Target, lengths: Lengths) -> AsyncIterator[Finding]:
    """Calls of random sizes, larger than a batch too; every answer is looked at."""
    case = target.light_case
    random = np.random.default_rng(9)
    rows = case.make_rows(random, 4 * case.max_batch_size)
    right = target.compute(case, rows)
    async with serving(case, target) as run:
        pieces = list(random_pieces(random, len(rows[0]), lengths.calls, run.limit_rows + run.limit_rows // 2))
        outcomes = await ask_all(run.runner, rows, pieces, callers=16)
        wrong = count_wrong(outcomes, right, pieces, case.tolerance)
        yield Finding(
            "calls of random sizes",
            describe(case),
            f"{wrong:,} of {lengths.calls:,} lost or wrong; batches without room {len(run.recorder.refused)}",
            "0 lost or wrong",
            wrong == 0,
        )


async def check_memory(target: Target, lengths: Lengths) -> AsyncIterator[Finding]:
    """Memory is taken away while the runner serves: nothing is lost, the limit is learned anew."""
    case = target.memory_case
    if case is None:
        return
    random = np.random.default_rng(11)
    rows = case.make_rows(random, 2 * case.max_batch_size)
    right = target.compute(case, rows)
    async with serving(case, target) as run:
        pieces = list(random_pieces(random, len(rows[0]), 200, max(1, run.limit_rows // 3)))
        with target.less_memory(run.recorder.inner, case, run.limit_rows):
            outcomes = await ask_all(run.runner, rows, pieces, callers=16)
        refused, largest = len(run.recorder.refused), max((ran.rows for ran in run.recorder.ran), default=0)
        wrong = count_wrong(outcomes, right, pieces, case.tolerance)
        again = await ask_all(run.runner, rows, pieces, callers=16)
        wrong += count_wrong(again, right, pieces, case.tolerance)
    figure = f"{wrong} of {2 * len(pieces)} lost or wrong; {refused} batches had no room, then up to {largest} rows"
    yield Finding(
        "out of memory", describe(case), figure, "0 lost or wrong, some without room", not wrong and refused > 0
    )


async def measure_saturation(target: Target, lengths: Lengths) -> AsyncIterator[Finding]:
    """Rows per second in turns with a plain loop, utilisation, overlap of copies, and latency at 70 % of that."""
    for case in target.saturation_cases:
        subject = describe(case)
        rows = case.make_rows(np.random.default_rng(3), 4 * case.max_batch_size)
        async with serving(case, target) as run:
            figure = f"{run.ready_s:.1f} s to be ready, batches of up to {run.limit_rows}"
            yield Finding("start", subject, figure)
            turns, plain = await _take_turns(case, target, run, rows, lengths)
        rate, plain_rate = statistics.median(turn.rate for turn in turns), statistics.median(plain)
        yield Finding("saturation", subject, f"{rate:,.0f} rows/s; plain loop {plain_rate:,.0f}")
        shares = [2 * turn.rate / sum(around) for turn, around in zip(turns, itertools.pairwise(plain), strict=True)]
        yield at_least("of the plain loop", subject, statistics.median(shares), PLAIN_BAR)
        if target.has_clock:
            busy = statistics.median(turn.compute_share for turn in turns)
            yield at_least("device computes", subject, busy, UTILISATION_BAR)
            both = statistics.median(turn.compute_share + turn.copy_share for turn in turns)
            bar = "more than 1: they overlap" if target.copies_weigh(case) else ""
            yield Finding("copies and computes", subject, f"{both:.2f} s a second", bar, both > 1 if bar else None)
        async for finding in _measure_latency(case, target, run.limit_rows, rate, lengths):
            yield finding


@dataclass(frozen=True)
class _Turn:
    """Rows per second of the runner, and the shares of the time in which the device computed and copied."""

    rate: float
    compute_share: float
    copy_share: float


async def _take_turns(
    case: Case, target: Target, run: Serving, rows: Rows, lengths: Lengths
) -> tuple[list[_Turn], list[float]]:
    """The runner's turns, and the plain loop's rows per second before each and after the last."""
    # Where the runner did not measure its limit, it finds it here.
    await _saturate_once(run, rows, 0.5)
    largest = min(run.limit_rows, max(ran.rows for ran in run.recorder.ran))
    turns: list[_Turn] = []
    plain = [target.drive_plain(case, cut(rows, 0, largest), lengths.turn_s)]
    for _ in range(lengths.rounds):
        turns.append(await _saturate_once(run, rows, lengths.turn_s))
        plain.append(target.drive_plain(case, cut(rows, 0, largest), lengths.turn_s))
    return turns, plain


async def _saturate_once(run: Serving, rows: Rows, seconds: float) -> _Turn:
    per_call = max(1, run.limit_rows // _CALLS_A_BATCH)
    whole = len(rows[0]) // per_call * per_call
    run.recorder.forget()
    answered, lasted_s = await saturate(
        run.runner, cut(rows, 0, whole), per_call, _CALLS_A_BATCH * _BATCHES_UNDER_WAY, seconds
    )
    totals = run.recorder.totals()
    return _Turn(answered / lasted_s, totals.compute_s / lasted_s, totals.copy_s / lasted_s)


async def _measure_latency(
    case: Case, target: Target, full_rows: int, rows_per_s: float, lengths: Lengths
) -> AsyncIterator[Finding]:
    """The median and the 99th percentile at 70 % load, with a target of four full batches."""
    bar_ms = max(10.0, 4000 * full_rows / rows_per_s)
    async with serving(case, target, max_latency_ms=bar_ms) as run:
        per_call = max(1, run.limit_rows // (2 * _CALLS_A_BATCH))
        rows = case.make_rows(np.random.default_rng(4), 64 * per_call)
        random = np.random.default_rng(6)
        # The policy learns from what it sees; the first second is not a steady state.
        await arrive(run.runner, rows, per_call, LOAD * rows_per_s, 1.0, random)
        took = await arrive(run.runner, rows, per_call, LOAD * rows_per_s, lengths.latency_s, random)
    subject = f"{describe(case)}, calls of {per_call}"
    yield Finding("median latency at 70 %", subject, f"{statistics.median(took) * 1000:.1f} ms")
    p99 = at_most("99th percentile at 70 %", subject, percentile(took, 0.99) * 1000, bar_ms, "ms")
    # A real processor is also everybody else's: told, not judged.
    yield p99 if target.has_clock else replace(p99, bar="", holds=None)


def describe(case: Case) -> str:
    """A model with what it was told to compute in."""
    return ", ".join([case.name, *(f"{name}={value}" for name, value in case.load.items())])
