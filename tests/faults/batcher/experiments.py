"""What happens inside an API worker: many calls at once on the real dispatcher, some of them bad, some withdrawn.

Each experiment is a coroutine of a runner; `services` makes routes of them. What is found goes out as JSON, and the
tests say what it has to be.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from jubako.runners import Runner
from tests.faults.batcher.runners import BATCHES, GATE, folder, written

PATIENCE_S = 60.0
_ALONE: dict[str, list[Any]] = {}


def let_through(count: int) -> None:
    """Let so many batches pass the gate, counted from the last `forget`."""
    whole = folder() / f"{GATE}.new"
    whole.write_text(str(count))
    whole.replace(folder() / GATE)


def forget() -> None:
    """Forget what was written down, and open the gate."""
    (folder() / GATE).unlink(missing_ok=True)
    (folder() / BATCHES).unlink(missing_ok=True)


async def until_begun(count: int) -> None:
    """Wait until so many batches were begun."""
    async with asyncio.timeout(PATIENCE_S):
        # What another process does tells nobody here.
        while len(written()) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@contextlib.contextmanager
def closed_gate() -> Iterator[None]:
    """Nothing is computed inside, unless it is let through; what was written down before is forgotten."""
    forget()
    let_through(0)
    try:
        yield
    finally:
        (folder() / GATE).unlink(missing_ok=True)


async def alone(runner: Runner, rows: Sequence[np.ndarray]) -> list[Any]:
    """The answer to each row when nothing else is computed; asked for once, a runner gets the same rows each time."""
    if runner.name not in _ALONE:
        _ALONE[runner.name] = [await runner.async_run(row) for row in rows]
    return _ALONE[runner.name]


def same(answer: Any, expected: Any, tolerance: float) -> bool:
    """Whether an answer is the expected one: to the last bit, or within a tolerance relative to its largest number."""
    answer, expected = np.asarray(answer), np.asarray(expected)
    if answer.dtype != expected.dtype or answer.shape != expected.shape:
        return False
    if tolerance:
        return bool(np.abs(answer - expected).max() <= tolerance * np.abs(expected).max())
    return answer.tobytes() == expected.tobytes()


async def with_bad_rows(
    runner: Runner, good: Sequence[np.ndarray], bad: dict[int, np.ndarray], tolerance: float = 0.0
) -> dict[str, Any]:
    """Ask for all rows at once, where those at some positions are bad ones instead.

    Returns:
        How many good rows got their answer, what the others got, what became of the bad ones, and the model calls.
    """
    expected = await alone(runner, good)
    forget()
    rows = [bad.get(position, row) for position, row in enumerate(good)]
    outcomes = await asyncio.gather(*(runner.async_run(row) for row in rows), return_exceptions=True)
    wrong = []
    for position, outcome in enumerate(outcomes):
        if position not in bad and (
            isinstance(outcome, BaseException) or not same(outcome, expected[position], tolerance)
        ):
            wrong.append([position, repr(outcome)])
    return {
        "wrong": wrong,
        "bad": [type(outcomes[position]).__name__ for position in sorted(bad)],
        "model_calls": len(written()),
        "first_batch": len(written()[0]),
    }


PHASES = (
    "before it is sent",
    "while it waits at the replica",
    "when it is taken up behind another batch",
    "while it is computed",
    "while its batch is split for a bad row",
    "while answers are given out",
)


async def with_one_cancelled(
    runner: Runner, rows: Sequence[np.ndarray], phase: str, victim: int, bad: np.ndarray, tolerance: float = 0.0
) -> dict[str, Any]:
    """Ask for 64 rows at once, and leave one of the calls in a phase; the runner takes batches of 64."""
    expected = await alone(runner, rows)
    with closed_gate():
        ahead = await _occupy(runner, rows, phase)
        asked = [bad if phase == PHASES[4] and position == 0 else row for position, row in enumerate(rows)]
        calls: list[asyncio.Future[Any]] = []

        async def ask_first() -> Any:
            answer = await runner.async_run(asked[0])
            if phase == PHASES[5]:
                # The others' answers are there, and none of them has heard of it.
                calls[victim].cancel()
            return answer

        calls += [asyncio.ensure_future(ask_first())]
        calls += [asyncio.ensure_future(runner.async_run(row)) for row in asked[1:]]
        await _reach(phase)
        if phase != PHASES[5]:
            calls[victim].cancel()
            await asyncio.sleep(0)
        (folder() / GATE).unlink(missing_ok=True)
        async with asyncio.timeout(PATIENCE_S):
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            await asyncio.gather(*ahead)
    begun_s = time.monotonic()
    again = await runner.async_run(rows[victim])
    answered = [
        position
        for position, outcome in enumerate(outcomes)
        if not isinstance(outcome, BaseException) and same(outcome, expected[position], tolerance)
    ]
    return {
        "answered": len(answered),
        "victim": type(outcomes[victim]).__name__,
        "bad": type(outcomes[0]).__name__ if phase == PHASES[4] else "",
        "next_is_right": same(again, expected[victim], tolerance),
        "next_s": time.monotonic() - begun_s,
        "computed": [len(batch) for batch in written()],
    }


async def _occupy(runner: Runner, rows: Sequence[np.ndarray], phase: str) -> list[asyncio.Future[Any]]:
    """Let calls run ahead, so that those that come wait where the phase wants them."""
    ahead: list[asyncio.Future[Any]] = []
    if phase in PHASES[1:3]:
        ahead.append(asyncio.ensure_future(runner.async_run(rows[0])))
        await until_begun(1)
    if phase == PHASES[1]:
        # A full batch is taken up behind the one that runs; the next one waits.
        ahead += [asyncio.ensure_future(runner.async_run(row)) for row in rows]
        await _turns(50)
    return ahead


async def _reach(phase: str) -> None:
    if phase == PHASES[0]:
        # Each call has run until it waits for its answer; what they sent leaves at the end of this turn.
        await asyncio.sleep(0)
    elif phase in PHASES[1:3]:
        await _turns(50)
    elif phase in (PHASES[3], PHASES[5]):
        await until_begun(1)
    elif phase == PHASES[4]:
        # The whole batch fails, then its first half does, of which the quarter with the bad row waits at the gate.
        let_through(2)
        await until_begun(3)


async def _turns(count: int) -> None:
    """Let frames go to and fro."""
    for _ in range(count):
        await asyncio.sleep(0.001)


async def with_a_small_device(
    runner: Runner, bursts: int, rows: Sequence[np.ndarray], expected: Sequence[Any], tolerance: float = 0.0
) -> dict[str, Any]:
    """Ask for 64 rows at once, several times."""
    passes, largest, lost = [], [], 0
    for _ in range(bursts):
        forget()
        outcomes = await asyncio.gather(*(runner.async_run(row) for row in rows), return_exceptions=True)
        lost += sum(
            isinstance(outcome, BaseException) or not same(outcome, right, tolerance)
            for right, outcome in zip(expected, outcomes, strict=True)
        )
        passes.append(len(written()))
        largest.append(max(len(batch) for batch in written()))
    return {"lost": lost, "passes": passes, "largest": largest}


async def with_mixed_calls(runner: Runner, seed: int, count: int) -> dict[str, Any]:
    """Ask for values of many shapes and types with many arguments at once; each answer tells what it was computed as.

    Returns:
        The calls whose answer is not what they get alone.
    """
    random = np.random.default_rng(seed)
    calls = [mixed_call(random.integers) for _ in range(count)]
    expected = [await runner.async_run_batch(*args, **kwargs) for args, kwargs in calls]
    forget()
    outcomes = await asyncio.gather(
        *(runner.async_run_batch(*args, **kwargs) for args, kwargs in calls), return_exceptions=True
    )
    wrong = [
        repr((args, kwargs, outcome))
        for (args, kwargs), alone_, outcome in zip(calls, expected, outcomes, strict=True)
        if outcome != alone_
    ]
    return {"wrong": wrong, "batches": len(written()), "calls": count}


def mixed_call(pick: Callable[[int], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call of `Telling`; `pick(n)` chooses a number below n."""
    rows = int(pick(3)) + 1
    dtype = ("f4", "f8", "i4", "i8", "?", "c8", "U3", "M8[s]", "O")[int(pick(9))]
    shape = [(), (1,), (2,), (3,), (2, 1), (1, 2), (0,)][int(pick(7))]
    values = np.full((rows, *shape), int(pick(2))).astype(dtype)
    first = (values, values.tolist(), values.reshape(rows, -1)[:, ::-1], np.asfortranarray(values))[int(pick(4))]
    kwargs: dict[str, Any] = {}
    constant = (None, 1, 1.0, True, "1", frozenset([1]), frozenset([True]), 0.0, -0.0)[int(pick(9))]
    if pick(2):
        kwargs["scale"] = constant
    if pick(2):
        kwargs["shift"] = np.zeros((rows, int(pick(2)) + 1))
    return (first,), kwargs
