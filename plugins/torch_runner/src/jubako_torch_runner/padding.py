"""Joining rows into one tensor of staging memory, with padding of rows and of lengths, and the mask of what is real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np
import torch

from jubako.errors import BadInput
from jubako_torch_runner.inputs import Column, describe_argument
from jubako_torch_runner.pad_to import PadTo

Staging = Callable[[Sequence[int], torch.dtype], torch.Tensor]


@attrs.frozen
class Lengths:
    """The lengths of the rows of one batch.

    Args:
        of_parts: length and rows of each part, in order; the same for every argument that is padded.
        padded: what all are padded to.
    """

    of_parts: tuple[tuple[int, int], ...]
    padded: int

    @property
    def are_equal(self) -> bool:
        """True if one length fits all rows."""
        return len({length for length, _ in self.of_parts}) <= 1

    @property
    def are_padded(self) -> bool:
        """True if a row is shorter than what all are padded to."""
        return any(length != self.padded for length, _ in self.of_parts)

    @property
    def of_rows(self) -> list[int]:
        """The length of each row."""
        return [length for length, rows in self.of_parts for _ in range(rows)]


def measure_lengths(columns: Sequence[Column], pad_to: PadTo, batch_axis: int, *, runner_name: str) -> Lengths | None:
    """The lengths of a batch; None if it has none of the inputs that are padded.

    Raises:
        BadInput: an input has no such axis, is too long, or is not as long as another one of its call.
    """
    found: tuple[tuple[int, int], ...] | None = None
    for column in columns:
        if not pad_to.pads(column.name):
            continue
        what = describe_argument(column.name)
        if any(part.ndim <= pad_to.axis for part in column.parts):
            raise BadInput(
                f"runner {runner_name!r} was given {what} without the axis {pad_to.axis} that is padded.",
                why=f"Its shape is {tuple(column.parts[0].shape)}, with the batch axis.",
            )
        lengths = tuple((part.shape[pad_to.axis], part.shape[batch_axis]) for part in column.parts)
        longest = max((length for length, _ in lengths), default=0)
        if longest > pad_to.maximum:
            raise BadInput(
                f"runner {runner_name!r} was given {what} with a length of {longest}.",
                why=f"pad_to allows at most {pad_to.maximum}.",
                do="give less, or raise maximum of pad_to",
            )
        if found is not None and Lengths(found, 0).of_rows != Lengths(lengths, 0).of_rows:
            raise BadInput(
                f"runner {runner_name!r} was given {what} with other lengths than another padded argument.",
                do="give all padded arguments of one call the same length",
            )
        found = lengths
    return None if found is None else Lengths(found, pad_to.padded(max(1, *(length for length, _ in found), 1)))


def join_column(
    column: Column, staging: Staging, *, axis: int, rows: int, pad_to: PadTo | None, lengths: Lengths | None
) -> torch.Tensor:
    """One argument's rows as one tensor.

    Args:
        column: the rows; all of one shape, apart from the padded axis.
        staging: takes memory.
        axis: the batch axis.
        rows: of the tensor; those beyond the given ones repeat the last, which the model surely takes.
        pad_to: how lengths are padded; None if they are not.
        lengths: of the batch.
    """
    shape = list(column.parts[0].shape)
    given_rows = sum(part.shape[axis] for part in column.parts)
    is_padded = pad_to is not None and lengths is not None and pad_to.pads(column.name)
    shape[axis] = rows
    if is_padded:
        shape[pad_to.axis] = lengths.padded  # type: ignore[union-attr]  # both are there, says the line above
    joined = staging(shape, column.dtype)
    target = joined.narrow(axis, 0, given_rows)
    if is_padded and lengths.are_padded:  # type: ignore[union-attr]
        _copy_padded(column, target, axis, pad_to.axis, pad_to.value_of(column.name))  # type: ignore[union-attr]
    else:
        _copy_parts(column.parts, target, axis)
    if 0 < given_rows < rows:
        # A copy broadcasts the one row over all of them.
        joined.narrow(axis, given_rows, rows - given_rows).copy_(joined.narrow(axis, given_rows - 1, 1))
    return joined


def make_mask(pad_to: PadTo, lengths: Lengths, staging: Staging, rows: int) -> torch.Tensor:
    """The mask of a batch, rows by length; padding rows count as whole ones."""
    mask = staging((rows, lengths.padded), getattr(torch, pad_to.mask_dtype))
    ends = torch.tensor(lengths.of_rows + [lengths.padded] * (rows - len(lengths.of_rows)))[:, None]
    positions = torch.arange(lengths.padded)[None]
    return mask.copy_(positions < ends if pad_to.mask_marks == "values" else positions >= ends)


def _copy_parts(parts: Sequence[Any], target: torch.Tensor, axis: int) -> None:
    if target.dtype is not torch.bfloat16 and all(isinstance(part, np.ndarray) for part in parts):
        # One call for all parts: a copy of each costs several microseconds.
        np.concatenate(parts, axis=axis, out=target.numpy(), casting="unsafe")
        return
    start = 0
    for part in parts:
        stop = start + part.shape[axis]
        _copy(part, target.narrow(axis, start, stop - start))
        start = stop


def _copy_padded(column: Column, target: torch.Tensor, axis: int, padded_axis: int, value: float) -> None:
    start = 0
    for part in column.parts:
        rows = target.narrow(axis, start, part.shape[axis])
        length = part.shape[padded_axis]
        _copy(part, rows.narrow(padded_axis, 0, length))
        rows.narrow(padded_axis, length, rows.shape[padded_axis] - length).fill_(value)
        start += part.shape[axis]


def _copy(part: Any, target: torch.Tensor) -> None:
    if isinstance(part, torch.Tensor):
        target.copy_(part)
    elif target.dtype is torch.bfloat16:
        # numpy has no bfloat16; a copy, for torch warns of arrays that may not be written.
        target.copy_(torch.from_numpy(part.copy()))
    else:
        np.copyto(target.numpy(), part, casting="unsafe")
