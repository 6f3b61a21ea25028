"""`TensorJoiner`: joins calls straight into the memory that the device reads, padded where that helps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import torch

from jubako.contracts.runner import AnswerPerCall, CallJoiner, JoinableCall
from jubako.errors import BadInput
from jubako.runners.arguments import constant_key
from jubako.values.signature import Signature
from jubako_torch_runner.device import BatchTimes, HostBatch
from jubako_torch_runner.engine import Engine
from jubako_torch_runner.inputs import (
    Column,
    InputTypes,
    Part,
    describe_argument,
    dtype_of,
    is_constant,
    part_key,
    read_parts,
)
from jubako_torch_runner.metrics import DeviceMetrics
from jubako_torch_runner.outputs import Cut, OutputRows, Path
from jubako_torch_runner.pad_to import ArgumentName, PadTo
from jubako_torch_runner.padding import Lengths, join_column, make_mask, measure_lengths


@attrs.frozen(eq=False)
class ServedMethod:
    """How one method is computed.

    Args:
        method: the module's.
        signature: its axes, and whether calls are joined.
        types: what it takes.
        pad_to: how inputs of different lengths are padded; None if they are not.
        needs_mask: True if it cannot be called without the mask of `pad_to`.
    """

    method: str
    signature: Signature
    types: InputTypes
    pad_to: PadTo | None = None
    needs_mask: bool = False

    def varying_axes(self, name: ArgumentName) -> tuple[int, ...]:
        """The axes of an argument that are not as long in each batch: that of the rows, and the padded one."""
        axis, pad_to = self.signature.input_batch_axis, self.pad_to
        return (axis, pad_to.axis) if pad_to is not None and pad_to.pads(name) else (axis,)


@attrs.frozen(eq=False)
class GivenCall:
    """A call that was made by hand, without the dispatcher; see `JoinableCall`.

    Args:
        args: positional arguments.
        kwargs: keyword arguments.
        payloads: for each argument, None if it is the same for all rows.
        rows: of the call.
        is_single: True if the caller gave one row.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    payloads: tuple[Any, ...]
    rows: int
    is_single: bool = False


@attrs.frozen(eq=False)
class _Batch:
    """Joined arguments, and what is needed to take the answer apart."""

    host: HostBatch
    calls: Sequence[JoinableCall]
    rows: OutputRows
    lengths: Lengths | None

    @property
    def padded(self) -> tuple[int, int]:
        """Positions of the rows that callers gave, once padded to one length, and how many of these are padding."""
        if self.lengths is None:
            return 0, 0
        positions = self.rows.rows * self.lengths.padded
        return positions, positions - sum(self.lengths.of_rows)


class TensorJoiner(CallJoiner):
    """Joins calls of equal types and shapes.

    Arrays, tensors and lists form batches of their own kind, so that every caller is answered in kind.

    Args:
        engine: computes.
        find: how a method that callers name is computed.
        padded_rows: the rows that a batch of so many rows is computed with.
        metrics: count the batches; None counts nothing.
    """

    def __init__(
        self,
        engine: Engine,
        find: Callable[[str], ServedMethod],
        *,
        runner_name: str,
        padded_rows: Callable[[str, int], int] = lambda method, rows: rows,
        metrics: DeviceMetrics | None = None,
    ) -> None:
        self._engine = engine
        self._find = find
        self._runner_name = runner_name
        self._padded_rows = padded_rows
        self._metrics = metrics

    def fit_key(self, method: str, call: JoinableCall) -> Hashable | None:
        """Types and shapes of all rows, without the axis that is padded, and the constants; see `CallJoiner`."""
        served = self._find(method)
        axis, pad_to, is_single = served.signature.input_batch_axis, served.pad_to, call.is_single
        keys: list[Hashable] = []
        for name, value, is_row in _arguments(call):
            if is_constant(value, is_row=is_row, is_single=is_single):
                keys.append((name, constant_key(value[0] if is_row else value)))
            else:
                keys.append((name, part_key(value, axis, pad_to.axis if pad_to and pad_to.pads(name) else None)))
        return tuple(keys)

    def run(self, method: str, calls: Sequence[JoinableCall]) -> Any:
        """See `CallJoiner`."""
        return self.compute(method, calls)

    def compute(self, method: str, calls: Sequence[JoinableCall], *, is_alone: bool = False) -> Any:
        """Compute calls as one batch.

        Args:
            method: as callers name it.
            calls: of one key.
            is_alone: True to give the answer of the one call itself, never an `AnswerPerCall`.

        Raises:
            BatchTooLarge: the device has no room for it.
            BadInput: an argument cannot be given to the model.
        """
        served = self._find(method)
        batch = self._join(method, served, calls)

        def finish(output: Any, times: BatchTimes) -> Any:
            if self._metrics is not None:
                elements, padding = batch.padded
                self._metrics.batch(
                    batch.rows.rows, batch.rows.computed_rows, times, elements=elements, padding=padding
                )
            answer = _answers(batch, output, served)
            return answer.answers[0] if is_alone and isinstance(answer, AnswerPerCall) else answer

        def on_full() -> None:
            if self._metrics is not None:
                self._metrics.ran_out_of_memory(batch.rows.computed_rows)

        return self._engine.begin(served.method, batch.host, served.types, served.varying_axes, finish, on_full)

    def _join(self, method: str, served: ServedMethod, calls: Sequence[JoinableCall]) -> _Batch:
        axis, pad_to = served.signature.input_batch_axis, served.pad_to
        first = calls[0]
        values: dict[ArgumentName, Any] = {}
        columns: list[Column] = []
        for name, value, is_row in _arguments(first):
            if is_constant(value, is_row=is_row, is_single=first.is_single):
                values[name] = value[0] if is_row else value
            else:
                values[name] = None
                columns.append(self._read(name, calls, served))
        given_rows = sum(call.rows for call in calls)
        joins = served.signature.batchable and bool(columns) and given_rows > 0
        rows = self._padded_rows(method, given_rows) if joins else given_rows
        lengths = None
        if pad_to is not None:
            lengths = measure_lengths(columns, pad_to, axis, runner_name=self._runner_name)
        staging = self._engine.device.staging
        for column in columns:
            values[column.name] = join_column(column, staging, axis=axis, rows=rows, pad_to=pad_to, lengths=lengths)
        # Where nothing is padded, no mask: the module computes what it does without a runner, to the last bit.
        is_masked = lengths is not None and (lengths.are_padded or served.needs_mask)
        if is_masked and pad_to is not None and lengths is not None and pad_to.mask not in (None, *values):
            values[str(pad_to.mask)] = make_mask(pad_to, lengths, staging, rows)
        as_tensors = any(isinstance(value, torch.Tensor) for _, value, _ in _arguments(first))
        output_rows = OutputRows(self._runner_name, served.signature.output_batch_axis, rows, given_rows, as_tensors)
        args = tuple(value for name, value in values.items() if isinstance(name, int))
        kwargs = {name: value for name, value in values.items() if isinstance(name, str)}
        return _Batch(HostBatch(args, kwargs), calls, output_rows, lengths)

    def _read(self, name: ArgumentName, calls: Sequence[JoinableCall], served: ServedMethod) -> Column:
        axis, pad_to = served.signature.input_batch_axis, served.pad_to
        values = [call.args[name] if isinstance(name, int) else call.kwargs[name] for call in calls]
        parts, is_python = read_parts(values[0], name, axis, runner_name=self._runner_name)
        if isinstance(values[0], np.ndarray):
            # All are of one key, and so of the dtype that was looked at.
            return self._column(name, values, dtype_of(values[0]), served, is_python=False)
        for value in values[1:]:
            of_call, is_also_python = read_parts(value, name, axis, runner_name=self._runner_name)
            is_python = is_python and is_also_python
            parts += of_call
        if isinstance(values[0], list | tuple):
            self._check_shapes(name, parts, axis, pad_to.axis if pad_to and pad_to.pads(name) else None)
        dtypes = {dtype_of(part) for part in parts}
        given = dtypes.pop() if len(dtypes) == 1 else functools.reduce(torch.promote_types, dtypes)
        return self._column(name, parts, given, served, is_python=is_python)

    def _column(
        self, name: ArgumentName, parts: Sequence[Part], given: torch.dtype, served: ServedMethod, *, is_python: bool
    ) -> Column:
        dtype = served.types.choose(name, given, is_python=is_python)
        if dtype is not given:
            served.types.check_range(name, parts, dtype)
        return Column(name, parts, dtype)

    def _check_shapes(self, name: ArgumentName, parts: Sequence[Any], axis: int, padded_axis: int | None) -> None:
        shapes = {tuple(n for at, n in enumerate(part.shape) if at not in (axis, padded_axis)) for part in parts}
        if len(shapes) > 1:
            raise BadInput(
                f"runner {self._runner_name!r} was given rows of different shapes for {describe_argument(name)}.",
                why=f"Their shapes are {', '.join(map(str, sorted(shapes)))}.",
                do="give rows of one shape; with pad_to=… of load_runner one axis of them may differ",
            )


def _arguments(call: JoinableCall) -> list[tuple[ArgumentName, Any, bool]]:
    """Name or position, value, and whether it is rows, of each argument."""
    named: list[tuple[ArgumentName, Any]] = [*enumerate(call.args), *call.kwargs.items()]
    return [(name, value, payload is not None) for (name, value), payload in zip(named, call.payloads, strict=True)]


def _answers(batch: _Batch, output: Any, served: ServedMethod) -> Any:
    rows, pad_to, lengths = batch.rows, served.pad_to, batch.lengths
    if all(payload is None for payload in batch.calls[0].payloads):
        # A call of constants alone has one answer, and no rows.
        return rows.without_rows(output)
    if pad_to is None or lengths is None or pad_to.output_axis is None:
        return rows.whole(output)

    def cut(length: int) -> Callable[[Path], Cut | None]:
        def cut_to(path: Path) -> Cut | None:
            axis = pad_to.cut_axis(path)
            return None if axis is None else Cut(axis, lengths.padded, length)

        return cut_to

    of_rows = lengths.of_rows
    if lengths.are_equal:
        return rows.whole(output, cut(of_rows[0] if of_rows else lengths.padded))
    answers: list[Any] = []
    start = 0
    for call in batch.calls:
        stop = start + call.rows
        if len(set(of_rows[start:stop])) <= 1:
            answers.append(rows.rows_of(output, start, stop, cut(of_rows[start]), is_row=False))
        else:
            # Rows of different lengths lie in no array: a list of them.
            singles = (rows.rows_of(output, at, at + 1, cut(of_rows[at]), is_row=True) for at in range(start, stop))
            answers.append(list(singles))
        start = stop
    return AnswerPerCall(tuple(answers))
