"""`ExportSerializer`: the graph that a module computes, without its Python code. Reading it can run code: `code`.

`module.pt2` is what `torch.export.save` writes. Its batch dimension is dynamic, or it is not written.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

from jubako.contracts.serializer import Serializer
from jubako.errors import InvalidArgument, InvalidManifest
from jubako.stores.failures import find_disk_error
from jubako_torch_runner._unpickle import read_program
from jubako_torch_runner.device import HostBatch
from jubako_torch_runner.examples import read_example_and_axis, repeat_rows, write_example
from jubako_torch_runner.saved_module import SavedModule, callable_graph, evaluating_on_cpu, ordinary_attention

FILE = "module.pt2"
_CALLS = frozenset({"__call__", "forward"})


class ExportSerializer(Serializer):
    """Writes `module.pt2`, traced with two equal rows of the example inputs, in evaluation mode, on the CPU."""

    def can_dump(self, model: Any) -> bool:
        """Any saved module."""
        return isinstance(model, SavedModule)

    def dump(self, model: Any, folder: Path) -> None:
        """Trace the module and write its graph.

        Raises:
            InvalidArgument: there are no example inputs, other methods than the call are served, or the module cannot
                be traced for any number of rows; says torch's reason.
        """
        mistake = f"{_name(model)} cannot be kept as torch.export."
        if not isinstance(model, SavedModule):
            raise InvalidArgument(mistake, do="save it with jubako.torch.save")
        if model.example_inputs is None:
            raise InvalidArgument(
                mistake,
                why="example_inputs= is not given: one row of what the module takes.",
                do="give example_inputs=, such as torch.zeros(1, 4)",
            )
        others = sorted(set(model.methods) - _CALLS)
        if others:
            raise InvalidArgument(mistake, why=f"It has signatures for {others[0]!r}; a graph can be called only.")
        try:
            program = _trace(model.module, repeat_rows(model.example_inputs, 2, model.batch_axis), model.batch_axis)
            # The rows it was traced with would be kept a second time, as a pickle.
            program.example_inputs = None
            torch.export.save(program, folder / FILE)
        # Foreign code: the module's own, under torch's tracing.
        except Exception as error:
            failure = find_disk_error(error)
            if failure is not None:
                raise failure from None
            raise InvalidArgument(
                mistake,
                why=f"Traced for any number of rows, it fails. {type(error).__name__}: {_first_lines(error)}",
                do="make what it computes independent of the number of rows, or leave example_inputs= out",
            ) from error
        write_example(model.example_inputs, model.batch_axis, folder)

    def load(self, folder: Path) -> Any:
        """Read the graph; can run code that the file brings.

        Raises:
            InvalidManifest: there is no such file, or it cannot be read.
        """
        path = folder / FILE
        try:
            # Of a file that is not there, torch says that it is no archive.
            path.stat()
            program = read_program(path)
            module = callable_graph(program)
        # Foreign code: what is in the file.
        except Exception as error:
            raise InvalidManifest(
                f"{FILE} cannot be read.",
                why=f"{type(error).__name__}: {_first_lines(error)}",
                do="install the torch that the model was saved with; model.yaml names it",
            ) from error
        example, axis = read_example_and_axis(folder)
        return SavedModule(module, example_inputs=example, batch_axis=axis, program=program)


def _trace(module: torch.nn.Module, batch: HostBatch, batch_axis: int) -> ExportedProgram:
    rows = Dim("rows", min=1)

    def shape_of(value: Any) -> Any:
        return {batch_axis: rows} if isinstance(value, torch.Tensor) and value.ndim else None

    taken = inspect.signature(module.forward).bind(*batch.args, **batch.kwargs).arguments
    shapes = {name: pytree.tree_map(shape_of, value) for name, value in taken.items()}
    with evaluating_on_cpu(module) as still, ordinary_attention():
        return torch.export.export(still, batch.args, dict(batch.kwargs), dynamic_shapes=shapes, strict=False)


def _first_lines(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 500 else f"{text[:500]} …"


def _name(model: Any) -> str:
    return type(model.module if isinstance(model, SavedModule) else model).__name__
