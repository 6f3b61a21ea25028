"""`Replica`: what a `TorchRunner` is once it is set up: module, device and joiner, warmed up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from jubako._references import load_reference
from jubako.errors import RunnerFailed
from jubako.models import load_object
from jubako.values.batch_profile import BatchProfile
from jubako.values.signature import Signature
from jubako_torch_runner.buckets import Buckets
from jubako_torch_runner.device import BatchTimes, Device, HostBatch, Numerics, OutOfDeviceMemory
from jubako_torch_runner.engine import Engine
from jubako_torch_runner.examples import repeat_rows
from jubako_torch_runner.formats import RUNNER_TYPE
from jubako_torch_runner.inputs import InputTypes, input_types_of
from jubako_torch_runner.joining import GivenCall, ServedMethod, TensorJoiner
from jubako_torch_runner.method_names import CALL
from jubako_torch_runner.metrics import DeviceMetrics, device_label
from jubako_torch_runner.warmup import measure

if TYPE_CHECKING:
    from jubako_torch_runner.runner import TorchRunner
    from jubako_torch_runner.saved_module import SavedModule

_RUN = "run"
# Of these the example inputs are those of the module itself.
_CALLS_OF_MODULE = (CALL, "forward")


class Replica:
    """Loads the runner's model and places it.

    Args:
        runner: with its `placement` set.

    Raises:
        RunnerFailed: the module does not fit its device.
        InvalidArgument: the module has no such method as the runner calls.
    """

    def __init__(self, runner: TorchRunner) -> None:
        self._runner = runner
        saved: SavedModule = load_object(runner.model, module=RUNNER_TYPE, _model_store=runner.model_store)
        open_device = runner.open_device or load_reference("jubako_torch_runner.devices:open_device")
        device: Device = open_device(runner.placement)
        try:
            self._set_up(saved, device)
        except BaseException:
            device.close()
            raise

    def profile(self, method: str) -> BatchProfile | None:
        """What was measured of a method; None if nothing was."""
        return self._profile if method == _RUN else None

    def call(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Compute arguments that are joined already."""
        args = tuple(map(_unwrapped, args))
        kwargs = {name: _unwrapped(value) for name, value in kwargs.items()}
        values = (*args, *kwargs.values())
        are_rows = tuple(isinstance(value, np.ndarray | torch.Tensor | list | tuple) for value in values)
        axis = self._find(method).signature.input_batch_axis
        rows = next((_count(value, axis) for value, is_row in zip(values, are_rows, strict=True) if is_row), 1)
        given = GivenCall(args, kwargs, tuple(is_row or None for is_row in are_rows), rows)
        return self.joiner.compute(method, [given], is_alone=True)

    def close(self) -> None:
        """Give back the device."""
        self._metrics.close()
        self._engine.close()

    def _set_up(self, saved: SavedModule, device: Device) -> None:
        runner = self._runner
        dtype, autocast = (None if name is None else getattr(torch, name) for name in (runner.dtype, runner.autocast))
        # A graph has devices written into it, which Module.to alone would leave.
        module = (
            saved.module
            if saved.program is None or device.name == "cpu"
            else saved.on_device(torch.device(device.name))
        )
        try:
            self._engine = Engine(
                module,
                device,
                runner_name=runner.name,
                partial_kwargs=runner.partial_kwargs,
                numerics=Numerics(dtype=dtype, autocast=autocast),
                compile_options=runner.compile_options,
            )
        except OutOfDeviceMemory as error:
            raise self._does_not_fit("Its module", device, error) from error
        self._of_module, self._of_others = (
            input_types_of(module, example, runner_name=runner.name, cast_inputs=runner.cast_inputs, dtype=dtype)
            for example in (saved.example_inputs, None)
        )
        self._methods: dict[str, ServedMethod] = {}
        self._engine.find(runner.predict_fn_name)
        self._metrics = DeviceMetrics(runner.name, device_label(runner.placement, device.name))
        self.joiner = TensorJoiner(
            self._engine,
            self._find,
            runner_name=runner.name,
            padded_rows=self._padded_rows,
            metrics=self._metrics,
        )
        self._profile = None if saved.example_inputs is None else self._warm_up(saved.example_inputs, dtype)
        self._buckets = None if self._profile is None else Buckets(self._profile)
        if self._profile is not None and self._profile.limit_rows is not None:
            self._metrics.limit(self._profile.limit_rows)
        self._metrics.watch_memory(device.memory)

    def _warm_up(self, example: HostBatch, dtype: torch.dtype | None) -> BatchProfile | None:
        """Compute batches of the example inputs before the first call; measure them if calls are joined."""
        served, device = self._find(_RUN), self._engine.device
        if served.method not in _CALLS_OF_MODULE:
            return None
        compute, axis = self._engine.find(served.method), served.signature.input_batch_axis
        if dtype is not None:
            example = _cast(example, dtype)

        def run(rows: int) -> BatchTimes:
            running = device.begin(compute, repeat_rows(example, rows, axis))
            running.wait()
            return running.times

        def begun_together(rows: int) -> None:
            # As when serving: the next batch's inputs arrive while this one computes, and take memory too.
            running = [device.begin(compute, repeat_rows(example, rows, axis)) for _ in range(1 + device.overlaps)]
            for batch in running:
                batch.wait()

        def peak(rows: int) -> int:
            return device.measure_peak_bytes(lambda: begun_together(rows))

        max_rows = self._runner.batch_options.max_batch_size if served.signature.batchable else 1
        try:
            return measure(run, peak, device.memory(), max_rows)
        except OutOfDeviceMemory as error:
            raise self._does_not_fit("A batch of one row", device, error) from error

    def _does_not_fit(self, what: str, device: Device, error: OutOfDeviceMemory) -> RunnerFailed:
        return RunnerFailed(
            f"runner {self._runner.name!r} could not be set up.",
            why=f"{what} does not fit device {device.name}: {error}",
            do="give it a larger device or a larger share of one, or a smaller type with dtype=…",
        )

    def _find(self, name: str) -> ServedMethod:
        served = self._methods.get(name)
        if served is None:
            runner = self._runner
            is_run = name == _RUN
            method = runner.predict_fn_name if is_run else name
            options = runner.batch_options
            signature = (
                Signature(options.enabled, options.input_batch_axis, options.output_batch_axis)
                if is_run
                else runner.model.info.signatures[name]
            )
            types: InputTypes = self._of_module if method in _CALLS_OF_MODULE else self._of_others
            served = self._methods[name] = ServedMethod(
                method, signature, types, runner.pad_to, self._needs_mask(method)
            )
        return served

    def _needs_mask(self, method: str) -> bool:
        pad_to = self._runner.pad_to
        if pad_to is None or pad_to.mask is None or pad_to.mask in self._runner.partial_kwargs:
            return False
        return self._engine.requires(method, pad_to.mask)

    def _padded_rows(self, name: str, rows: int) -> int:
        # One row alone on the CPU is answered to the last bit as the module does, whatever is faster.
        if self._buckets is None or name != _RUN or (rows == 1 and self._engine.device.name == "cpu"):
            return rows
        return self._buckets.bucket_for(rows)


def _cast(example: HostBatch, dtype: torch.dtype) -> HostBatch:
    def cast(value: Any) -> Any:
        return value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    return HostBatch(pytree.tree_map(cast, example.args), pytree.tree_map(cast, dict(example.kwargs)))


def _unwrapped(value: Any) -> Any:
    """What `run` was given for all rows, of a call that is not joined: None or text, out of the list of its one row."""
    return value[0] if type(value) is list and len(value) == 1 and isinstance(value[0], str | None) else value


def _count(value: Any, axis: int) -> int:
    if isinstance(value, list | tuple):
        return len(value)
    return int(value.shape[axis]) if value.ndim > axis else 0
