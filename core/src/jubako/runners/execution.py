"""Running calls on a runner: set-up, joining, the row count, splitting the result, and whose fault an error is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import CoroutineType, GeneratorType
from typing import Any

import attrs

from jubako.contracts.payload import Payload
from jubako.contracts.runner import AnswerPerCall, CallJoiner, PendingBatch
from jubako.errors import InvalidArgument, JubakoError, RunnerFailed, WrongRowCount, text_of
from jubako.payloads import PayloadTable
from jubako.runners.arguments import CallArguments, join_arguments
from jubako.runners.definition import LoadableRunner
from jubako.runners.specs import MethodSpec
from jubako.values.batch_profile import BatchProfile
from jubako.values.placement import Placement


def set_up(runner: LoadableRunner, placement: Placement) -> None:
    """Give the runner its placement and call its `_setup`; blocks for as long as the model takes to load.

    Raises:
        RunnerFailed: `_setup` raised; an error of Jubako passes as it is.
    """
    runner.placement = placement
    try:
        with runner.surroundings():
            runner._setup()
    except JubakoError:
        raise
    # Foreign code: whatever it raises is recorded under the runner's name. SystemExit too: a model that calls
    # sys.exit() must not end a server as if that had been asked for.
    except (Exception, SystemExit) as error:
        raise RunnerFailed(
            f"runner {runner.name!r} could not be set up.", why=f"{type(error).__name__}: {text_of(error)}"
        ) from error


def ask_profile(runner: LoadableRunner, method: str) -> BatchProfile | None:
    """What the runner, which is set up, knows of its device.

    Raises:
        RunnerFailed: its `batch_profile` raised, or returned something else; an error of Jubako passes as it is.
    """
    try:
        profile = runner.batch_profile(method)
        if profile is not None and not isinstance(profile, BatchProfile):
            raise TypeError(f"batch_profile({method!r}) returned a {type(profile).__name__} and no BatchProfile")
    except JubakoError:
        raise
    # Foreign code, as above.
    except (Exception, SystemExit) as error:
        raise RunnerFailed(
            f"runner {runner.name!r} could not be set up.",
            why=f"{type(error).__name__}: {text_of(error)}",
            do="return a jubako.values.batch_profile.BatchProfile from batch_profile, or None",
        ) from error
    return profile


def shut_down(runner: LoadableRunner) -> None:
    """Call the runner's `_shutdown`.

    Raises:
        RunnerFailed: it raised.
    """
    try:
        runner._shutdown()
    # Foreign code, as above.
    except (Exception, SystemExit) as error:
        raise RunnerFailed(
            f"runner {runner.name!r} could not be shut down.", why=f"{type(error).__name__}: {text_of(error)}"
        ) from error


@attrs.frozen(eq=False)
class Share:
    """What one call gets of a batch's result; the rows are taken out of it only where the caller is.

    Args:
        result: of the whole batch, shared by all its calls.
        payload: the payload type of `result`; None if it is the call's answer as it stands.
        start: the call's first row.
        stop: the row after its last.
        rows: of the whole result.
        axis: along which rows are counted.
        is_single: True for the answer to `run`, one row without the axis.
    """

    result: Any
    payload: Payload | None = None
    start: int = 0
    stop: int = 0
    rows: int = 0
    axis: int = 0
    is_single: bool = False

    def take(self) -> Any:
        """The call's answer; may share memory with the result."""
        if self.payload is None:
            return self.result
        if self.is_single:
            return self.payload.row(self.result, self.start, self.axis)
        if self.stop - self.start == self.rows:
            return self.result
        return self.payload.cut(self.result, self.start, self.stop, self.axis)


@attrs.frozen(eq=False)
class RunningCalls:
    """Calls that the runner has begun to compute and not finished."""

    _batch: PendingBatch
    _runner: LoadableRunner
    _spec: MethodSpec
    _calls: Sequence[CallArguments]
    _table: PayloadTable

    def finish(self) -> tuple[list[Share], float]:
        """Wait for the batch; returns and raises what `run_calls` does, called once."""
        result = _called(self._runner, self._spec, self._batch.result)
        seconds: float = _called(self._runner, self._spec, lambda: float(self._batch.compute_s))
        # Not a number becomes 0 as well: nothing that is learned from it may be.
        return _shares_of(self._runner, self._spec, self._calls, result, self._table), max(0.0, seconds)


def begin_calls(
    runner: LoadableRunner, spec: MethodSpec, calls: Sequence[CallArguments], table: PayloadTable
) -> tuple[list[Share], float] | RunningCalls:
    """Run calls of one `fit_key` as one batch, or only begin to if the runner overlaps batches.

    Returns:
        The share of each call in the result, in order, and the seconds that the runner's own code took; or what is
        still to be waited for.

    Raises:
        RunnerFailed: the runner raised; `WrongRowCount` if it returned another number of rows than it was given.
        JubakoError: the runner raised an error of Jubako itself, such as `BadInput` or `BatchTooLarge`.
    """
    joiner = joiner_of(runner, spec)
    if joiner is not None and calls[0].has_rows:
        started_s = time.perf_counter()
        result = _called(runner, spec, lambda: joiner.run(spec.name, calls))
    else:
        args, kwargs = join_arguments(calls, spec.signature.input_batch_axis)
        method = getattr(runner, spec.attribute)
        started_s = time.perf_counter()
        result = _called(runner, spec, lambda: method(*spec.leading, *args, **kwargs))
    compute_s = time.perf_counter() - started_s
    if isinstance(result, PendingBatch):
        return RunningCalls(result, runner, spec, calls, table)
    return _shares_of(runner, spec, calls, result, table), compute_s


def run_calls(
    runner: LoadableRunner, spec: MethodSpec, calls: Sequence[CallArguments], table: PayloadTable
) -> tuple[list[Share], float]:
    """As `begin_calls`, and wait for the end."""
    begun = begin_calls(runner, spec, calls, table)
    return begun.finish() if isinstance(begun, RunningCalls) else begun


def joiner_of(runner: LoadableRunner, spec: MethodSpec) -> CallJoiner | None:
    """What joins the calls of a method in the runner's own way; None if its payload types do, or nothing does."""
    return runner.call_joiner if spec.takes_batches and spec.signature.batchable else None


def _called(runner: LoadableRunner, spec: MethodSpec, work: Callable[[], Any]) -> Any:
    try:
        result = work()
        return list(result) if isinstance(result, GeneratorType) else result
    except JubakoError:
        raise
    # Foreign code. SystemExit too: a model that calls sys.exit() must not end the thread that serves the others.
    except (Exception, SystemExit) as error:
        raise RunnerFailed(
            f"runner {runner.name!r} failed in {spec.name!r}.", why=f"{type(error).__name__}: {text_of(error)}"
        ) from error


def _shares_of(
    runner: LoadableRunner, spec: MethodSpec, calls: Sequence[CallArguments], result: Any, table: PayloadTable
) -> list[Share]:
    if isinstance(result, CoroutineType):
        result.close()
        raise RunnerFailed(
            f"runner {runner.name!r} failed in {spec.name!r}.",
            why="Its function is an async def, and runners compute in a thread of their own.",
            do="make it a plain def",
        )
    if isinstance(result, AnswerPerCall):
        if len(result.answers) != len(calls):
            raise WrongRowCount(
                f"runner {runner.name!r} returned {len(result.answers)} answers from {spec.name!r} for {len(calls)} "
                "calls.",
                do="give AnswerPerCall one answer for each call, in order",
            )
        pairs = zip(calls, result.answers, strict=True)
        return [share for call, answer in pairs for share in _share_result(runner, spec, [call], answer, table)]
    # A batch of constants alone has no rows that could be counted: its answer is the whole call's.
    if not spec.takes_batches or not (calls[0].is_single or calls[0].has_rows):
        return [Share(result)]
    return _share_result(runner, spec, calls, result, table)


def _share_result(
    runner: LoadableRunner, spec: MethodSpec, calls: Sequence[CallArguments], result: Any, table: PayloadTable
) -> list[Share]:
    axis = spec.signature.output_batch_axis
    result = _plain(result)
    expected = sum(call.rows for call in calls)
    payload = table.for_value(result)
    try:
        rows = payload.count_rows(result, axis)
    except InvalidArgument as error:
        raise WrongRowCount(
            f"runner {runner.name!r} returned no batch from {spec.name!r}, but a {type(result).__name__}.",
            why=error.message,
            do="return one row of result for each row of input",
        ) from error
    if rows != expected:
        raise WrongRowCount(
            f"runner {runner.name!r} returned {rows} rows from {spec.name!r} for {expected} rows of input.",
            do="return one row of result for each row of input; a SimpleRunner may return anything",
        )
    shares = []
    start = 0
    for call in calls:
        shares.append(Share(result, payload, start, start + call.rows, rows, axis, call.is_single))
        start += call.rows
    return shares


def _plain(result: Any) -> Any:
    """Named tuples and other kinds of lists and dictionaries as plain ones, which parts of them are in any backend."""
    if isinstance(result, tuple):
        return tuple(map(_plain, result))
    if isinstance(result, dict):
        return {key: _plain(part) for key, part in result.items()}
    return list(result) if isinstance(result, list) and type(result) is not list else result
