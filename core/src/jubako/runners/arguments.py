"""`CallArguments`: the arguments of one call as batches, counted and keyed, ready to be joined with others'."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from enum import Enum
from types import GeneratorType
from typing import Any

import attrs

from jubako.contracts.backend import RunnerCall
from jubako.contracts.payload import Payload
from jubako.errors import InvalidArgument
from jubako.payloads import PayloadTable
from jubako.payloads.sizes import deep_size_bytes
from jubako.runners._absent import AbsentAttribute
from jubako.runners.specs import MethodSpec

# Equal values of one of these types are the same.
_PLAIN = (str, bytes, int, bool, type(None))


@attrs.frozen(eq=False)
class CallArguments:
    """What one call brings to a batch.

    Args:
        args: positional arguments: batches, or constants where `payloads` says so.
        kwargs: keyword arguments, likewise.
        payloads: for each positional and then each keyword argument, its payload type; None marks a constant.
        rows: rows of each batch; 0 is allowed and 1 stands for a call without batches.
        size_bytes: bytes of all arguments, roughly.
        fit_key: calls of one method with equal keys can be joined; None never fits.
        is_single: the answer is one row without the batch axis.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    payloads: tuple[Payload | None, ...]
    rows: int
    size_bytes: int
    fit_key: Hashable | None
    is_single: bool

    @property
    def has_rows(self) -> bool:
        """False if no argument is rows; then `rows` is 1 and stands for the call as a whole."""
        return any(payload is not None for payload in self.payloads)

    @property
    def counted_rows(self) -> int:
        """The rows as bounds count them: a call of none takes a place in a queue all the same, and a whole batch."""
        return max(1, self.rows)


def prepare_arguments(call: RunnerCall, spec: MethodSpec, table: PayloadTable) -> CallArguments:
    """Turn a call's arguments into batches. Nothing is copied, but generators are made lists.

    For `run` every argument is one row. For `run_batch` arrays, frames, series, lists and tuples are rows, and any
    other value is a constant, with which only calls of an equal constant are joined.

    Raises:
        InvalidArgument: an argument cannot be a batch, or batches differ in their rows.
        AbsentAttribute: a batch was given to a method that takes one call at a time.
    """
    values = (*call.args, *call.kwargs.values())
    if GeneratorType in map(type, values):
        call = _listed(call)
        values = (*call.args, *call.kwargs.values())
    if not spec.takes_batches:
        _refuse_batch(call)
        size_bytes = sum(deep_size_bytes(value, table) for value in values)
        return CallArguments(call.args, call.kwargs, (None,) * len(values), 1, size_bytes, None, is_single=False)
    axis = spec.signature.input_batch_axis
    batches: list[Any] = []
    payloads: list[Payload | None] = []
    keys: list[Hashable] = []
    counts: list[int] = []
    size_bytes = 0
    for given in values:
        value, payload = _as_batch(given, axis, table, is_single=call.is_single)
        batches.append(value)
        payloads.append(payload)
        if payload is None:
            keys.append(constant_key(value))
            size_bytes += deep_size_bytes(value, table)
        else:
            counts.append(payload.count_rows(value, axis))
            keys.append((payload.name, payload.fit_key(value, axis)))
            size_bytes += payload.size_bytes(value)
    if len(set(counts)) > 1:
        raise InvalidArgument(
            f"the arguments of one call have {counts} rows.",
            do="give every argument of run_batch the same number of rows",
        )
    rows = counts[0] if counts else 1
    # A call of no rows, or without any batch, has nothing along which it could be joined.
    fits = spec.signature.batchable and bool(counts) and rows > 0
    split = len(call.args)
    return CallArguments(
        args=tuple(batches[:split]),
        kwargs=dict(zip(call.kwargs, batches[split:], strict=True)),
        payloads=tuple(payloads),
        rows=rows,
        size_bytes=size_bytes,
        fit_key=(*call.kwargs, *keys) if fits else None,
        is_single=call.is_single,
    )


def join_arguments(calls: Sequence[CallArguments], axis: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Join the arguments of calls of one `fit_key`, in order; those of a lone call are returned as they are."""
    first = calls[0]
    if len(calls) == 1:
        return first.args, dict(first.kwargs)
    columns = [list(values) for values in zip(*((*call.args, *call.kwargs.values()) for call in calls), strict=True)]
    joined = [
        values[0] if payload is None else payload.join(values, axis)
        for payload, values in zip(first.payloads, columns, strict=True)
    ]
    split = len(first.args)
    return tuple(joined[:split]), dict(zip(first.kwargs, joined[split:], strict=True))


def cut_arguments(arguments: CallArguments, start: int, stop: int, axis: int) -> CallArguments:
    """Rows `start` to `stop` of every batch; constants stay."""
    values = [
        value if payload is None else payload.cut(value, start, stop, axis)
        for payload, value in zip(arguments.payloads, (*arguments.args, *arguments.kwargs.values()), strict=True)
    ]
    split = len(arguments.args)
    share = (stop - start) / max(1, arguments.rows)
    return attrs.evolve(
        arguments,
        args=tuple(values[:split]),
        kwargs=dict(zip(arguments.kwargs, values[split:], strict=True)),
        rows=stop - start,
        size_bytes=int(arguments.size_bytes * share),
    )


def _listed(call: RunnerCall) -> RunnerCall:
    """The call with lists in place of generators: one of these gives its items once, and goes to no other process."""
    return attrs.evolve(
        call,
        args=tuple(list(value) if type(value) is GeneratorType else value for value in call.args),
        kwargs={name: list(value) if type(value) is GeneratorType else value for name, value in call.kwargs.items()},
    )


def _as_batch(given: Any, axis: int, table: PayloadTable, *, is_single: bool) -> tuple[Any, Payload | None]:
    """An argument as rows, with its payload type; None for a constant, which stays as it is."""
    payload = table.for_value(given)
    if is_single:
        row = payload.from_single(given, axis)
        return row, table.for_value(row)
    if not payload.is_batch(given):
        return given, None
    if isinstance(given, list | tuple) and type(given) is not list:
        rows = list(given)
        return rows, table.for_value(rows)
    return given, payload


def _refuse_batch(call: RunnerCall) -> None:
    if not call.is_single:
        raise AbsentAttribute(
            f"method {call.method!r} of this runner takes no batches.",
            why="It takes one call at a time, as every method of a SimpleRunner does.",
            do="call run, or make it a jubako.Runner",
        )


def constant_key(value: Any) -> Hashable:
    """A key that is equal exactly for constants that are the same to a model; what is not known to be, never fits."""
    # The type belongs to the key: 1, 1.0 and True are equal, and no model must take one for the other.
    kind = type(value)
    if kind in _PLAIN or isinstance(value, Enum):
        return kind, value
    # So are 0.0 and -0.0, while not a number is unequal to itself.
    if kind in (float, complex):
        return kind, repr(value)
    if kind.__module__ == "numpy" and hasattr(value, "tobytes"):
        return kind, value.dtype.str, value.tobytes()
    # Two times in different zones, sets of 1 and of True: others may be equal as well, and not the same.
    return object()
