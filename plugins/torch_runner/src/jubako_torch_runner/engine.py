"""`Engine`: a module on a device: begins batches, and says in Jubako's words what goes wrong with them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.utils import _pytree as pytree

from jubako.contracts.runner import PendingBatch
from jubako.errors import BadInput, BatchTooLarge, InvalidArgument
from jubako_torch_runner.device import BatchTimes, Device, HostBatch, Numerics, OutOfDeviceMemory, RunningBatch
from jubako_torch_runner.inputs import InputTypes, describe_argument, named_arguments
from jubako_torch_runner.method_names import CALL, check_method_name
from jubako_torch_runner.outputs import as_plain_tree
from jubako_torch_runner.pad_to import ArgumentName

_MAX_REASON = 500
# What torch raises of wrong shapes and types; of several classes, as the operation has it.
_OF_INPUTS = (RuntimeError, ValueError, TypeError, IndexError)


class Engine:
    """Computes methods of a module on a device.

    Args:
        module: as it was loaded; it becomes the engine's own.
        device: where it is placed.
        runner_name: for messages.
        partial_kwargs: keyword arguments of every call; tensors in them are brought to the device once.
        numerics: the types that it computes in.
        compile_options: keyword arguments for `torch.compile`; None to leave the module as it is.

    Raises:
        OutOfDeviceMemory: the module does not fit the device.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        device: Device,
        *,
        runner_name: str,
        partial_kwargs: Mapping[str, Any] | None = None,
        numerics: Numerics | None = None,
        compile_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.device = device
        self._runner_name = runner_name
        numerics = numerics or Numerics()
        self._module = device.place(module, numerics)
        self._partial_kwargs = _placed(partial_kwargs, device, numerics) if partial_kwargs else {}
        self._compile_options = compile_options
        self._functions: dict[str, Callable[..., Any]] = {}

    def find(self, method: str) -> Callable[..., Any]:
        """What computes a method: a function of tensors on the device, that returns a plain tree of them.

        Raises:
            InvalidArgument: the module has no such method, or it may not be served.
        """
        function = self._functions.get(method)
        if function is None:
            function = self._functions[method] = self._bind(method)
        return function

    def requires(self, method: str, argument: str) -> bool:
        """True if a method cannot be called without an argument; False if what it takes is not known."""
        called = getattr(self._module, "forward" if method == CALL else method, None)
        try:
            taken = inspect.signature(called).parameters.get(argument) if callable(called) else None
        except ValueError:
            return False
        return taken is not None and taken.default is inspect.Parameter.empty

    def begin(
        self,
        method: str,
        batch: HostBatch,
        types: InputTypes,
        varying_axes: Callable[[ArgumentName], Collection[int]],
        finish: Callable[[Any, BatchTimes], Any],
        on_full: Callable[[], None] = lambda: None,
    ) -> Any:
        """Begin a batch.

        Args:
            method: of the module.
            batch: its arguments, in staging memory of the device.
            types: what the model takes, for messages.
            varying_axes: those of an argument along which it need not be as long as the example input.
            finish: makes the answer of what was computed, once that is in host memory.
            on_full: is called if the device has no room for the batch.

        Returns:
            The answer; a `PendingBatch` of it if the device overlaps batches.

        Raises:
            BatchTooLarge: the device has no room for the batch.
            BadInput: the module refuses it, and it is not shaped as the example inputs are.
        """
        function = self.find(method)
        told = _Told(self._runner_name, batch, types, varying_axes, on_full)
        with told:
            running = self.device.begin(function, batch)
        pending = _Batch(running, finish, told)
        return pending if self.device.overlaps else pending.result()

    def close(self) -> None:
        """Forget the module, and close the device."""
        self._functions.clear()
        del self._module, self._partial_kwargs
        self.device.close()

    def _bind(self, method: str) -> Callable[..., Any]:
        check_method_name(method)
        found = self._module if method == CALL else getattr(self._module, method, None)
        if not callable(found):
            raise InvalidArgument(
                f"a {type(self._module).__name__} has no method {method!r}.",
                do="name one of its methods with predict_fn_name; a model stored as a graph has '__call__' only",
            )
        function: Callable[..., Any] = found
        if self._compile_options is not None:
            function = torch.compile(found, **self._compile_options)
        partial_kwargs = self._partial_kwargs
        return lambda *args, **kwargs: as_plain_tree(function(*args, **{**partial_kwargs, **kwargs}))


class _Batch(PendingBatch):
    def __init__(
        self,
        running: RunningBatch,
        finish: Callable[[Any, BatchTimes], Any],
        told: AbstractContextManager[None],
    ) -> None:
        self._running = running
        self._finish = finish
        self._told = told

    def result(self) -> Any:
        with self._told:
            output = self._running.wait()
        return self._finish(output, self._running.times)

    @property
    def compute_s(self) -> float:
        return self._running.times.compute_s


class _Told:
    """Raises what a device or module raises in Jubako's words."""

    def __init__(
        self,
        runner_name: str,
        batch: HostBatch,
        types: InputTypes,
        varying_axes: Callable[[ArgumentName], Collection[int]],
        on_full: Callable[[], None],
    ) -> None:
        self._runner_name = runner_name
        self._batch = batch
        self._types = types
        self._varying_axes = varying_axes
        self._on_full = on_full

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OutOfDeviceMemory):
            self._on_full()
            raise BatchTooLarge(
                f"runner {self._runner_name!r} has no room on its device for this batch.", why=f"{error}"
            ) from error
        if isinstance(error, _OF_INPUTS):
            reason = self._fault_of_inputs(error)
            if reason:
                raise BadInput(
                    f"runner {self._runner_name!r} does not take this input.",
                    why=f"{reason} The model says: {str(error)[:_MAX_REASON]}",
                    do="give inputs like those that the model was saved with",
                ) from error

    def _fault_of_inputs(self, error: BaseException) -> str:
        # A token beyond the vocabulary: torch has no class of its own for it.
        if isinstance(error, IndexError) and "out of range in self" in str(error):
            return "A number in it stands for nothing that the model knows."
        for name, value in named_arguments(self._batch):
            expected = self._types.expected.get(name)
            if expected is None or not isinstance(value, torch.Tensor):
                continue
            varying = self._varying_axes(name)
            pairs = enumerate(zip(value.shape, expected.shape, strict=False))
            if value.ndim != len(expected.shape) or any(
                one != other for at, (one, other) in pairs if at not in varying
            ):
                given = f"Its {describe_argument(name)} is a batch of shape {tuple(value.shape)}"
                return f"{given}; the example input has {expected.shape}."
        return ""


class _Held(torch.nn.Module):
    """Tensors that are brought to a device as a module is."""

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        super().__init__()
        for at, tensor in enumerate(tensors):
            self.register_buffer(f"tensor{at}", tensor.detach(), persistent=False)


def _placed(tree: Mapping[str, Any], device: Device, numerics: Numerics) -> dict[str, Any]:
    leaves, spec = pytree.tree_flatten(dict(tree))
    held = device.place(_Held([leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]), numerics)
    placed = iter(held.buffers())
    leaves = [next(placed) if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    result: dict[str, Any] = pytree.tree_unflatten(leaves, spec)
    return result
