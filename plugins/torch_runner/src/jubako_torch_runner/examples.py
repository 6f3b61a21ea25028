"""Example inputs: one row of what a module takes, kept beside it as data. For tracing, and for warming up a device.

`example.json` holds the structure, `example.safetensors` the tensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from jubako.errors import InvalidArgument, InvalidManifest
from jubako.models import Model
from jubako_torch_runner.device import HostBatch
from jubako_torch_runner.tensor_file import read_json, read_tensors, write_json, write_tensors

STRUCTURE_FILE = "example.json"
TENSORS_FILE = "example.safetensors"
_VERSION = 1
_CONSTANTS = (str, int, float, bool, type(None))


def load_example(model: Model) -> HostBatch | None:
    """The example inputs of a stored model: one row, on the CPU; None if it was saved without.

    Its files are data, and checked against the manifest.

    Raises:
        ModelDigestMismatch: a file is not what the manifest says.
        InvalidManifest: they are damaged.
    """
    if not any(entry.path == STRUCTURE_FILE for entry in model.info.files):
        return None
    with model.object_files() as folder:
        return read_example(folder)


def as_example(given: Any, batch_axis: int = 0) -> HostBatch | None:
    """Read example inputs as a user gives them, and keep their first row.

    Args:
        given: a tensor or array for a module of one input; a tuple of positional arguments; a dictionary of keyword
            arguments; or a pair of both. None for none.
        batch_axis: the axis that counts rows.

    Raises:
        InvalidArgument: there is no tensor in it, one has no rows, they differ in rows, or something can neither be
            stored as tensor nor as JSON.
    """
    if given is None:
        return None
    args, kwargs = _arguments(given)
    tensors: list[torch.Tensor] = []

    def keep(value: Any) -> Any:
        kept = _as_constant_or_tensor(value)
        if isinstance(kept, torch.Tensor) and kept.ndim:
            tensors.append(kept)
        return kept

    args, kwargs = _map(args, keep), _map(kwargs, keep)
    rows = _count_rows(tensors, batch_axis)
    if rows != 1:
        first = range(1)
        args, kwargs = (_map(part, lambda value: _rows(value, batch_axis, first)) for part in (args, kwargs))
    return HostBatch(args=tuple(args), kwargs=kwargs)


def repeat_rows(batch: HostBatch, times: int, batch_axis: int = 0) -> HostBatch:
    """A batch of one row as one of several equal rows."""
    rows = [0] * times
    args, kwargs = (_map(part, lambda value: _rows(value, batch_axis, rows)) for part in (batch.args, batch.kwargs))
    return HostBatch(args=tuple(args), kwargs=kwargs)


def write_example(batch: HostBatch | None, batch_axis: int, folder: Path) -> None:
    """Write example inputs; nothing if there are none."""
    if batch is None:
        return
    tensors: dict[str, torch.Tensor] = {}
    structure = {
        "version": _VERSION,
        "batch_axis": batch_axis,
        "args": [_describe(value, tensors) for value in batch.args],
        "kwargs": {name: _describe(value, tensors) for name, value in batch.kwargs.items()},
    }
    write_tensors(tensors, folder / TENSORS_FILE)
    write_json(structure, folder / STRUCTURE_FILE)


def read_example(folder: Path) -> HostBatch | None:
    """Read example inputs; None if there are none.

    Raises:
        InvalidManifest: the files are damaged.
    """
    return read_example_and_axis(folder)[0]


def read_example_and_axis(folder: Path) -> tuple[HostBatch | None, int]:
    """Read example inputs, and the axis that counts rows.

    Raises:
        InvalidManifest: the files are damaged.
    """
    path = folder / STRUCTURE_FILE
    if not path.exists():
        return None, 0
    structure = read_json(path, {"version", "batch_axis", "args", "kwargs"})
    tensors = read_tensors(folder / TENSORS_FILE)
    try:
        axis = structure["batch_axis"]
        if structure["version"] != _VERSION or type(axis) is not int or axis < 0:
            raise ValueError(f"version {structure['version']!r} or axis {axis!r} is not known")
        args = tuple(_restore(node, tensors) for node in structure["args"])
        kwargs = {str(name): _restore(node, tensors) for name, node in structure["kwargs"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InvalidManifest(
            f"{path.name} cannot be read.", why=f"{type(error).__name__}: {error}.", do="save the model again"
        ) from error
    return HostBatch(args=args, kwargs=kwargs), axis


def _arguments(given: Any) -> tuple[Any, Any]:
    if isinstance(given, HostBatch):
        return given.args, dict(given.kwargs)
    if isinstance(given, Mapping):
        return (), dict(given)
    if isinstance(given, tuple):
        if len(given) == 2 and isinstance(given[0], tuple) and isinstance(given[1], Mapping):
            return given[0], dict(given[1])
        return given, {}
    return (given,), {}


def _as_constant_or_tensor(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        try:
            return torch.from_numpy(np.array(value))
        except TypeError as error:
            raise InvalidArgument(
                f"example_inputs holds an array of {value.dtype}.", why=f"{error}", do="give numbers"
            ) from error
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if type(value) in _CONSTANTS:
        return value
    raise InvalidArgument(
        f"example_inputs holds a {type(value).__name__}.",
        why="Kept are tensors, arrays, numbers, texts and None, also in tuples, lists and dictionaries.",
        do="give what the module is called with: a tensor, a tuple of arguments, or a dictionary of keyword arguments",
    )


def _count_rows(tensors: list[torch.Tensor], batch_axis: int) -> int:
    shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors) or "none"
    counts = {tensor.shape[batch_axis] if tensor.ndim > batch_axis else 0 for tensor in tensors}
    if len(counts) != 1 or 0 in counts:
        raise InvalidArgument(
            f"example_inputs must hold tensors of as many rows each, at least one, not of shapes {shapes}.",
            why=f"Rows are counted along axis {batch_axis} of every tensor; what has no rows is no input of a call.",
            do="give one row with its batch axis, such as torch.zeros(1, 4); keep fixed tensors in the module",
        )
    return counts.pop()


def _rows(value: Any, batch_axis: int, rows: range | list[int]) -> Any:
    if not isinstance(value, torch.Tensor) or not value.ndim:
        return value
    return value.index_select(batch_axis, torch.tensor(list(rows)))


def _map(tree: Any, change: Any) -> Any:
    return pytree.tree_map(change, tree)


def _describe(value: Any, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    if isinstance(value, torch.Tensor):
        name = f"input{len(tensors)}"
        tensors[name] = value
        return {"tensor": name}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_describe(one, tensors) for one in value]}
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return {"dict": {key: _describe(one, tensors) for key, one in value.items()}}
    if type(value) in _CONSTANTS:
        json.dumps(value, allow_nan=False)
        return {"value": value}
    raise InvalidArgument(
        f"example_inputs holds a {type(value).__name__}.", do="give tensors, in tuples, lists and dictionaries"
    )


def _restore(node: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    ((kind, value),) = node.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "list":
        return [_restore(one, tensors) for one in value]
    if kind == "tuple":
        return tuple(_restore(one, tensors) for one in value)
    if kind == "dict":
        return {key: _restore(one, tensors) for key, one in value.items()}
    if kind == "value" and type(value) in _CONSTANTS:
        return value
    raise ValueError(f"{kind!r} is not known")
