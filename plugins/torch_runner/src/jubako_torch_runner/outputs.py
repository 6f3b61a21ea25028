"""What a model answers, as the callers get it: rows of arrays or tensors, in tuples and dictionaries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import torch

from jubako.errors import RunnerFailed, WrongRowCount
from jubako_torch_runner.pad_to import ArgumentName
from jubako_torch_runner.trees import map_tensors

Path = tuple[ArgumentName, ...]


@attrs.frozen
class Cut:
    """How a part of an answer is cut back.

    Args:
        axis: of the part.
        padded: its length, which is that of the inputs.
        length: what is kept of it.
    """

    axis: int
    padded: int
    length: int


def as_plain_tree(output: Any) -> Any:
    """An output as tuples and dictionaries of tensors: lists and dataclasses, too, which no device looks into."""
    if isinstance(output, Mapping):
        return {key: as_plain_tree(part) for key, part in output.items()}
    if isinstance(output, list | tuple):
        return tuple(map(as_plain_tree, output))
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return {field.name: as_plain_tree(getattr(output, field.name)) for field in dataclasses.fields(output)}
    return output


@attrs.frozen(eq=False)
class OutputRows:
    """Turns the output of one batch into rows for its callers.

    Args:
        runner_name: for messages.
        axis: of the outputs, along which rows are counted.
        computed_rows: of the batch, with those that pad it.
        rows: those that callers gave.
        as_tensors: True for callers that gave tensors; otherwise they get arrays.
    """

    runner_name: str
    axis: int
    computed_rows: int
    rows: int
    as_tensors: bool

    def whole(self, output: Any, cut_to: Callable[[Path], Cut | None] = lambda path: None) -> Any:
        """All rows of the batch in one value; numpy has no bfloat16, so that arrays of it are float32.

        Args:
            output: a plain tree, as it was computed.
            cut_to: how a part is cut back; None for a part that stays.

        Raises:
            RunnerFailed: a part is no tensor, or not as long as the inputs where it is cut; `WrongRowCount` if it has
                not one row for each row.
        """
        return self._map(
            output,
            (),
            lambda part, path: self._given(self._cut(part.narrow(self.axis, 0, self.rows), path, cut_to(path))),
        )

    def without_rows(self, output: Any) -> Any:
        """What is no batch, with its tensors in the caller's kind: a process that gave none may have no torch."""
        return map_tensors(self._given, output)

    def rows_of(self, output: Any, start: int, stop: int, cut_to: Callable[[Path], Cut | None], *, is_row: bool) -> Any:
        """Rows `start` to `stop`, cut back; the one row at `start` without the batch axis if `is_row`."""

        def one(part: torch.Tensor, path: Path) -> Any:
            cut = self._cut(part.narrow(self.axis, start, stop - start), path, cut_to(path))
            return self._given(cut.select(self.axis, 0) if is_row else cut)

        return self._map(output, (), one, nothing=None if is_row else [None] * (stop - start))

    def _map(self, output: Any, path: Path, leaf: Callable[[torch.Tensor, Path], Any], nothing: Any = ...) -> Any:
        if isinstance(output, torch.Tensor):
            self._check(output, path)
            return leaf(output, path)
        if isinstance(output, dict):
            return {key: self._map(part, (*path, key), leaf, nothing) for key, part in output.items()}
        if isinstance(output, tuple) and output:
            return tuple(self._map(part, (*path, at), leaf, nothing) for at, part in enumerate(output))
        if output is None and path:
            # A part that the model leaves out, such as the weights of an attention: so it is for each row.
            return [None] * self.rows if nothing is ... else nothing
        raise RunnerFailed(
            f"runner {self.runner_name!r} answered with {_where(path)}a {type(output).__name__}.",
            why="A batch is answered with tensors, alone or in tuples, lists, dictionaries or dataclasses.",
            do="give the module a method that returns tensors, and name it with predict_fn_name",
        )

    def _check(self, part: torch.Tensor, path: Path) -> None:
        if part.ndim > self.axis and part.shape[self.axis] == self.computed_rows:
            return
        shape = "one number" if not part.ndim else f"of shape {tuple(part.shape)}"
        raise WrongRowCount(
            f"runner {self.runner_name!r} answered with {_where(path)}a tensor that is {shape}, "
            f"for a batch of {self.computed_rows} rows.",
            why=f"Rows are counted along axis {self.axis} of every part of the answer.",
            do="return one row of answer for each row of input; if another axis counts them, say so in signatures "
            '("batch_dim") of save',
        )

    def _cut(self, part: torch.Tensor, path: Path, cut_to: Cut | None) -> torch.Tensor:
        if cut_to is None:
            return part
        if part.ndim <= cut_to.axis or part.shape[cut_to.axis] != cut_to.padded:
            raise RunnerFailed(
                f"runner {self.runner_name!r} answered with {_where(path)}a tensor of shape {tuple(part.shape)}, "
                f"for inputs of length {cut_to.padded}.",
                why=f"By pad_to its axis {cut_to.axis} has the length of the inputs, and is cut back.",
                do="give the right output_axis in pad_to, None if no axis of the answer has the inputs' length",
            )
        return part.narrow(cut_to.axis, 0, cut_to.length)

    def _given(self, part: torch.Tensor) -> Any:
        if self.as_tensors:
            return part
        if part.dtype is torch.bfloat16:
            part = part.float()
        return part.resolve_conj().resolve_neg().numpy()


def _where(path: Path) -> str:
    return f"{'.'.join(map(str, path))!r}: " if path else ""
