"""`SavedModule`: what this plugin's formats write and read, and how a user's module becomes one."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
import torch
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass
from torch.nn.parameter import is_lazy

from jubako.errors import InvalidArgument
from jubako_torch_runner.device import HostBatch
from jubako_torch_runner.method_names import check_method_name

# The classes that wrap a module without changing what it computes, by where they are defined, and the wrapped one.
_WRAPPERS: Mapping[str, str] = {
    "torch._dynamo.eval_frame:OptimizedModule": "_orig_mod",
    "torch.nn.parallel.data_parallel:DataParallel": "module",
    "torch.nn.parallel.distributed:DistributedDataParallel": "module",
}


@attrs.frozen(eq=False)
class SavedModule:
    """A module with what is stored beside it.

    Args:
        module: what computes; of a torch.export artefact its callable graph. Read back, it is in evaluation mode.
        example_inputs: one row of inputs, on the CPU; None if there is none.
        batch_axis: the axis of the example inputs that counts rows.
        init: keyword arguments that the module's class makes an equal one with; None if they are not known.
        methods: what is called of the module.
        program: what a torch.export artefact holds; None in other formats.
    """

    module: torch.nn.Module
    example_inputs: HostBatch | None = None
    batch_axis: int = 0
    init: Mapping[str, Any] | None = None
    methods: tuple[str, ...] = ("__call__",)
    program: ExportedProgram | None = None

    def on_device(self, device: torch.device) -> torch.nn.Module:
        """The module on a device, in evaluation mode.

        Devices that are written into the graph of a torch.export artefact are changed with it; `Module.to` alone would
        leave them.
        """
        if self.program is None or device.type == "cpu":
            return self.module.to(device)
        return callable_graph(move_to_device_pass(self.program, device))


def callable_graph(program: ExportedProgram) -> torch.nn.Module:
    """`program.module()`; `eval()`, which torch leaves undefined on it, does nothing, for it never was in training."""
    graph: torch.nn.Module = program.module()
    object.__setattr__(graph, "eval", lambda: graph)
    object.__setattr__(graph, "training", False)
    return graph


@contextmanager
def evaluating_on_cpu(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """A copy of the module in evaluation mode; on the CPU it shares the parameters, which are not written to.

    What is computed with it changes nothing of the user's module: not its buffers, nor attributes that count or keep.
    One that cannot be copied is used itself; its parts are afterwards in the mode they were in.
    """
    on_cpu = all(tensor.device.type == "cpu" for tensor in (*module.parameters(), *module.buffers()))
    shared = {id(parameter): parameter for parameter in module.parameters()} if on_cpu else {}
    try:
        copied = copy.deepcopy(module, shared).cpu()
    # Foreign code: attributes of any class, such as locks and open files.
    except Exception:
        if not on_cpu:
            raise
        copied = module
    in_training = [part for part in copied.modules() if part.training]
    try:
        yield copied.eval()
    finally:
        for part in in_training:
            part.training = True


@contextmanager
def ordinary_attention() -> Iterator[None]:
    """Attention as operators of its own.

    The fused path of `torch.nn` packs rows by their masks, which no graph for any number of rows can hold; what it
    answers at positions that a mask leaves out is 0.
    """
    is_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(is_enabled)


def unwrap(model: Any) -> torch.nn.Module:
    """The module itself, where `torch.compile` or data parallelism stand around it.

    Raises:
        InvalidArgument: it is no module, or one that no format holds.
    """
    if isinstance(model, type):
        raise InvalidArgument(f"{model.__name__} is a class.", do=f"give a module, such as {model.__name__}(…)")
    if isinstance(model, ExportedProgram):
        raise InvalidArgument(
            "an ExportedProgram cannot be saved.",
            why="It is exported when it is saved, so that the batch dimension is known to be dynamic.",
            do="save the module that it was exported from, with example_inputs=",
        )
    if not isinstance(model, torch.nn.Module):
        raise InvalidArgument(
            f"a {type(model).__name__} is no torch.nn.Module.", do="give the module, not its weights or its output"
        )
    inner = _WRAPPERS.get(_defined_as(type(model)))
    if inner is not None:
        return unwrap(getattr(model, inner))
    check_can_be_saved(model)
    return model


def check_can_be_saved(module: torch.nn.Module) -> None:
    """Refuse modules that no format holds in whole.

    Raises:
        InvalidArgument: it is TorchScript, its parameters are spread over processes, or a tensor has no values.
    """
    name = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise InvalidArgument(
            f"a {name} is TorchScript, and cannot be saved.",
            why="TorchScript is no longer developed, and its files are read by code of their own.",
            do="save the module that it was made from; with example_inputs= it is stored as a graph (torch.export)",
        )
    if "FullyShardedDataParallel" in (one.__name__ for one in type(module).__mro__):
        raise InvalidArgument(
            f"a {name} cannot be saved.",
            why="Each process holds only a part of its parameters.",
            do="gather its full state dict into the bare module, and save that",
        )
    for path, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if is_lazy(tensor) or tensor.is_meta:
            raise InvalidArgument(
                f"{name} cannot be saved: {path!r} has no values.",
                why="It is lazy and was never run." if is_lazy(tensor) else "It is on the meta device.",
                do="run the module once, or load its weights, before it is saved",
            )


def check_methods(module: torch.nn.Module, names: Mapping[str, Any]) -> None:
    """Check that a module has the methods that signatures are given for.

    Raises:
        InvalidArgument: it does not have one, or every module has it, such as `eval`.
    """
    for name in names:
        if not callable(getattr(module, check_method_name(name), None)):
            raise InvalidArgument(
                f"a {type(module).__name__} has no method {name!r}.", do="give signatures of methods that it has"
            )


def check_init(init: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return keyword arguments that JSON gives back as they are.

    Raises:
        InvalidArgument: it does not.
    """
    if init is None:
        return None
    try:
        if not isinstance(init, Mapping) or not all(isinstance(name, str) for name in init):
            raise TypeError("it is no dictionary of keyword arguments")
        given = dict(init)
        _check_json(given, "init")
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"init={_short(init)} cannot be stored.",
            why=f"{error}.",
            do="give the keyword arguments of its class as dictionaries, lists, texts, numbers, booleans and None",
        ) from error
    return given


def _check_json(value: Any, path: str) -> None:
    if type(value) is dict:
        for key, one in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{path} has the key {key!r}, which is no text")
            _check_json(one, f"{path}[{key!r}]")
    elif type(value) is list:
        for at, one in enumerate(value):
            _check_json(one, f"{path}[{at}]")
    elif value is not None and type(value) not in (str, int, float, bool):
        raise TypeError(f"{path} is a {type(value).__name__}, which JSON would give back as something else")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _defined_as(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"
