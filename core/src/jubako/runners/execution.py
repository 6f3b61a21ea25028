"""Running calls on a runner: set-up, joining, the row count, splitting the result, and whose fault an error is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jubako.errors import InvalidArgument, JubakoError, RunnerFailed, WrongRowCount
from jubako.payloads import PayloadTable
from jubako.runners.arguments import CallArguments, join_arguments
from jubako.runners.methods import MethodSpec
from jubako.values.placement import Placement

if TYPE_CHECKING:
    from jubako.runners.runner import RunnerDefinition


def set_up(runner: RunnerDefinition, placement: Placement) -> None:
    """Give the runner its placement and call its `_setup`; blocks for as long as the model takes to load.

    Raises:
        RunnerFailed: `_setup` raised; an error of Jubako passes as it is.
    """
    runner.placement = placement
    try:
        runner._setup()
    except JubakoError:
        raise
    # Foreign code: whatever it raises is recorded under the runner's name. SystemExit too: a model that calls
    # sys.exit() must not end a server as if that had been asked for.
    except (Exception, SystemExit) as error:
        raise RunnerFailed(
            f"runner {runner.name!r} could not be set up.", why=f"{type(error).__name__}: {error}"
        ) from error


def shut_down(runner: RunnerDefinition) -> None:
    """Call the runner's `_shutdown`.

    Raises:
        RunnerFailed: it raised.
    """
    try:
        runner._shutdown()
    # Foreign code, as above.
    except (Exception, SystemExit) as error:
        raise RunnerFailed(
            f"runner {runner.name!r} could not be shut down.", why=f"{type(error).__name__}: {error}"
        ) from error


def run_calls(
    runner: RunnerDefinition, spec: MethodSpec, calls: Sequence[CallArguments], table: PayloadTable
) -> tuple[list[Any], float]:
    """Run calls of one `fit_key` as one batch.

    Returns:
        The answer of each call, in order, and the seconds that the runner's own code took.

    Raises:
        RunnerFailed: the runner raised; `WrongRowCount` if it returned another number of rows than it was given.
        JubakoError: the runner raised an error of Jubako itself, such as `BadInput` or `BatchTooLarge`.
    """
    args, kwargs = join_arguments(calls, spec.signature.input_batch_axis)
    method = getattr(runner, spec.attribute)
    started_s = time.perf_counter()
    try:
        result = method(*args, **kwargs)
    except JubakoError:
        raise
    # Foreign code. SystemExit too: a model that calls sys.exit() must not end the thread that serves the others.
    except (Exception, SystemExit) as error:
        raise RunnerFailed(
            f"runner {runner.name!r} failed in {spec.name!r}.", why=f"{type(error).__name__}: {error}"
        ) from error
    compute_s = time.perf_counter() - started_s
    if not spec.takes_batches:
        return [result], compute_s
    return _split_result(runner, spec, calls, result, table), compute_s


def _split_result(
    runner: RunnerDefinition, spec: MethodSpec, calls: Sequence[CallArguments], result: Any, table: PayloadTable
) -> list[Any]:
    axis = spec.signature.output_batch_axis
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
    answers = []
    start = 0
    for call in calls:
        if call.is_single:
            answers.append(payload.row(result, start, axis))
        elif len(calls) == 1:
            answers.append(result)
        else:
            answers.append(payload.cut(result, start, start + call.rows, axis))
        start += call.rows
    return answers
