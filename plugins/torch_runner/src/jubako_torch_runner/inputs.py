"""What callers give, as tensors of the types that the model takes; nothing is cast unless the runner was told to."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import Any

import attrs
import numpy as np
import torch

from jubako.errors import BadInput
from jubako_torch_runner.device import HostBatch
from jubako_torch_runner.pad_to import ArgumentName

Part = np.ndarray[Any, Any] | torch.Tensor
"""Rows that one caller gave for one argument."""

_SCALARS = (type(None), bool, int, float, complex, str, bytes, np.generic)


@attrs.frozen(eq=False)
class Column:
    """One argument of a batch, before it is joined.

    Args:
        name: the argument.
        parts: rows along the batch axis, in order.
        dtype: the type that it is joined in.
    """

    name: ArgumentName
    parts: Sequence[Part]
    dtype: torch.dtype


@attrs.frozen
class ExpectedInput:
    """What the example inputs have for one argument.

    Args:
        dtype: its type.
        shape: its shape, with the batch axis.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]


@attrs.frozen(eq=False)
class InputTypes:
    """The types that a model takes: those of its example inputs, or else the floating type of its parameters.

    Args:
        runner_name: for messages.
        expected: what is known of single arguments.
        floating: the one floating type that all parameters have; None if they have several, or there are none.
        cast_inputs: True to cast where that keeps the kind: floating to floating, whole to whole or floating.
    """

    runner_name: str
    expected: Mapping[ArgumentName, ExpectedInput] = attrs.field(factory=dict)
    floating: torch.dtype | None = None
    cast_inputs: bool = False

    def choose(self, name: ArgumentName, given: torch.dtype, *, is_python: bool) -> torch.dtype:
        """The type in which an argument is given to the model.

        Args:
            name: the argument.
            given: the type that it came in.
            is_python: True if it came as Python's numbers, which have no type that the model would care for.

        Raises:
            BadInput: the model takes another type, or none is known for Python's numbers.
        """
        wanted = self._wanted(name, given)
        if wanted is None:
            if is_python and given is not torch.bool:
                raise self._ambiguous(name)
            return given
        if wanted is given:
            return given
        if (is_python or self.cast_inputs) and torch.can_cast(given, wanted):
            return wanted
        raise self._mismatch(name, given, wanted)

    def check_range(self, name: ArgumentName, parts: Sequence[Part], dtype: torch.dtype) -> None:
        """Check that whole numbers are not changed by being cast to a smaller type of whole numbers.

        Raises:
            BadInput: one is beyond it.
        """
        if dtype is torch.bool or dtype.is_floating_point or dtype.is_complex:
            return
        allowed = torch.iinfo(dtype)
        for part in parts:
            given = np.iinfo(array.dtype) if (array := np.asarray(part)).dtype.kind in "iu" and array.size else allowed
            if allowed.min <= given.min and given.max <= allowed.max:
                continue
            lowest, highest = int(array.min()), int(array.max())
            if lowest < allowed.min or highest > allowed.max:
                raise BadInput(
                    f"runner {self.runner_name!r} was given {lowest if lowest < allowed.min else highest} for "
                    f"{describe_argument(name)}.",
                    why=f"The model takes {_short(dtype)}, of {allowed.min} to {allowed.max}.",
                    do="give numbers of that range",
                )

    def _wanted(self, name: ArgumentName, given: torch.dtype) -> torch.dtype | None:
        expected = self.expected.get(name)
        if expected is not None:
            return expected.dtype
        return self.floating if given.is_floating_point else None

    def _mismatch(self, name: ArgumentName, given: torch.dtype, wanted: torch.dtype) -> BadInput:
        what, got, takes = describe_argument(name), _short(given), _short(wanted)
        why = f"The model takes {takes}"
        if given in (torch.float64, torch.int64):
            why += "; numbers of JSON, and numpy's own, are float64 or int64 unless a type is asked for"
        if not torch.can_cast(given, wanted):
            do = f"give {takes}"
        else:
            do = (
                f'declare input=NumpyNdarray(dtype="{takes}") in the API, or give {takes}; to have the runner cast '
                "what callers give, make it with load_runner(…, cast_inputs=True)"
            )
        return BadInput(f"runner {self.runner_name!r} was given {got} for {what}.", why=f"{why}.", do=do)

    def _ambiguous(self, name: ArgumentName) -> BadInput:
        return BadInput(
            f"runner {self.runner_name!r} was given a list of numbers for {describe_argument(name)}.",
            why="A list has no type, and which one the model takes is not known: it was saved without example_inputs.",
            do="give an array or tensor of the right type, or save the model with example_inputs",
        )


def input_types_of(
    module: torch.nn.Module,
    example: HostBatch | None,
    *,
    runner_name: str,
    cast_inputs: bool,
    dtype: torch.dtype | None,
) -> InputTypes:
    """What a module takes.

    Args:
        module: as it was loaded.
        example: its example inputs, for its `__call__`; None if another method is meant, or there are none.
        runner_name: for messages.
        cast_inputs: see `InputTypes`.
        dtype: the floating type that the module was brought to; floating inputs are then of that one.
    """
    floats = {parameter.dtype for parameter in module.parameters() if parameter.dtype.is_floating_point}
    floating = dtype or (floats.pop() if len(floats) == 1 else None)
    expected = {}
    for name, value in named_arguments(example):
        if isinstance(value, torch.Tensor):
            changed = dtype if dtype is not None and value.dtype.is_floating_point else value.dtype
            expected[name] = ExpectedInput(changed, tuple(value.shape))
    return InputTypes(runner_name, expected, floating, cast_inputs or dtype is not None)


def named_arguments(batch: HostBatch | None) -> list[tuple[ArgumentName, Any]]:
    """The arguments with their positions and names; none of None."""
    return [] if batch is None else [*enumerate(batch.args), *batch.kwargs.items()]


def describe_argument(name: ArgumentName) -> str:
    """How messages call an argument."""
    return f"argument {name}" if isinstance(name, int) else f"argument {name!r}"


def is_constant(value: Any, *, is_row: bool, is_single: bool) -> bool:
    """True if an argument is the same for the whole batch; given to `run`, so is a number or text.

    Args:
        value: the argument, as a batch.
        is_row: False if the core says that it is no batch.
        is_single: True if the caller gave one row.
    """
    return not is_row or (is_single and type(value) is list and isinstance(value[0], _SCALARS))


def part_key(value: Any, axis: int, padded_axis: int | None) -> Hashable:
    """A key that is equal for rows of one type and one shape, apart from the batch axis and a padded one; quick.

    Rows in lists are known by the first of them; one that differs fails when it is joined.
    """
    if isinstance(value, np.ndarray | torch.Tensor):
        shape = tuple(value.shape)
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        if padded_axis is None:
            return kind, value.dtype, shape[:axis], shape[axis + 1 :]
        return kind, value.dtype, *(length for at, length in enumerate(shape) if at not in (axis, padded_axis))
    lengths: list[int] = []
    first = value
    while type(first) in (list, tuple) and first:
        lengths.append(len(first))
        first = first[0]
    if isinstance(first, np.ndarray | torch.Tensor):
        return "list", part_key(first, axis - 1, None if padded_axis is None else padded_axis - 1)
    return "list", type(first), *(length for at, length in enumerate(lengths) if at not in (axis, padded_axis))


def read_parts(value: Any, name: ArgumentName, axis: int, *, runner_name: str) -> tuple[list[Part], bool]:
    """One argument of one call as arrays or tensors with a batch axis; rows of a list that differ in shape one by one.

    Returns:
        The parts, and whether they were Python's own numbers.

    Raises:
        BadInput: it cannot be made a tensor.
    """
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided:
            raise _no_tensor(value, name, runner_name, f"Its layout is {value.layout}, and batches are dense")
        if value.is_quantized:
            raise _no_tensor(value, name, runner_name, f"It is quantised to {value.dtype}")
        return [value.detach().cpu()], False
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject or value.dtype.kind not in "biufc":
            raise _no_tensor(value, name, runner_name, f"Its dtype is {value.dtype}")
        return [value], False
    if not value:
        return [np.empty(0)], True
    rows = list(value)
    if all(isinstance(row, torch.Tensor) for row in rows):
        return _together([row.detach().cpu().unsqueeze(axis) for row in rows], torch.cat, axis), False
    if all(isinstance(row, np.ndarray) for row in rows):
        parts = [part for row in rows for part in read_parts(row, name, axis, runner_name=runner_name)[0]]
        return _together([np.expand_dims(part, axis) for part in parts], np.concatenate, axis), False
    try:
        arrays = [np.asarray(row) for row in rows]
    except (ValueError, TypeError, OverflowError) as error:
        raise _no_tensor(value, name, runner_name, f"{error}") from error
    odd = next((array for array in arrays if array.dtype.kind not in "biufc"), None)
    if odd is not None:
        raise _no_tensor(value, name, runner_name, f"It holds {odd.dtype}, and not only numbers")
    return _together([np.expand_dims(array, axis) for array in arrays], np.concatenate, axis), True


def dtype_of(part: Part) -> torch.dtype:
    """A part's type in torch's words."""
    return part.dtype if isinstance(part, torch.Tensor) else _torch_dtype(part.dtype)


def _together(parts: list[Any], join: Any, axis: int) -> list[Part]:
    if len(parts) == 1 or any(part.shape != parts[0].shape for part in parts):
        return parts
    return [join(parts, axis)]


@cache
def _torch_dtype(dtype: np.dtype[Any]) -> torch.dtype:
    try:
        return torch.from_numpy(np.empty(0, dtype.newbyteorder("="))).dtype
    except TypeError as error:
        raise BadInput(f"arrays of {dtype} cannot be given to a model.", why=f"{error}.") from error


def _no_tensor(value: Any, name: ArgumentName, runner_name: str, why: str) -> BadInput:
    return BadInput(
        f"runner {runner_name!r} was given a {type(value).__name__} for {describe_argument(name)} that is no tensor.",
        why=f"{why[:300]}.",
        do="give an array, a tensor, or nested lists of numbers of one shape",
    )


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
