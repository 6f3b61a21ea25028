"""`TorchRunner`: a Runner of one stored PyTorch module. Imports the framework only when it is set up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from jubako._references import load_reference
from jubako.contracts.runner import CallJoiner
from jubako.contracts.store import Store
from jubako.errors import InvalidArgument
from jubako.runners import ModelRunner
from jubako.values.batch_profile import BatchProfile
from jubako.values.placement import Placement
from jubako.values.tag import Tag
from jubako_torch_runner.method_names import CALL, check_method_name
from jubako_torch_runner.pad_to import PadTo, as_pad_to

_FLOATING = ("float16", "bfloat16", "float32", "float64")


class TorchRunner(ModelRunner):
    """Calls methods of a module on batches of arrays, tensors or lists; made by `jubako.torch.load_runner`.

    `run` and the like call one, which `load_runner` was given; every other of the model's signatures is called by its
    name: `runner.encode.run(row)`, or `runner.method("encode")`.

    Arguments may be arrays, tensors of any device, and nested lists of numbers, positional or by name. They reach the
    module in the types that they have: where the model's example inputs, or else its parameters, have another type, the
    call is refused (`BadInput`), unless `cast_inputs` is given. Numbers, texts and None are the same for all rows.
    Answers come in the caller's kind: tensors on the CPU for tensors, arrays for all else, of bfloat16 as float32, for
    numpy has no such type. A module may answer with a tensor, or with tuples, lists, dictionaries
    or dataclasses of them.

    Args:
        tag: the model's tag; without a version, the newest.
        predict_fn_name: the method that `run` calls.
        partial_kwargs: keyword arguments that every call gets; those of a call go before them. Tensors in them are
            brought to the device once.
        name: the runner's name; the model's if None.
        cast_inputs: True to cast what callers give to the types that the model takes, where that keeps the kind:
            floating to floating, whole to whole or floating numbers, which may lose digits.
        pad_to: how inputs of different lengths share a batch: a mapping of what `PadTo` takes. Without it only inputs
            of one shape are joined.
        dtype: the floating type that the module is brought to, and floating inputs with it: `float16`, `bfloat16`,
            `float32` or `float64`; None leaves its own.
        autocast: the type that operations are computed in where torch holds that for safe: `float16` or `bfloat16`.
        compile: True to compile the module, the name of a mode of `torch.compile`, or a mapping of its arguments. Where
            example inputs were saved and `run` calls the module, it is compiled before the replica is ready, for any
            number of rows; else, and for inputs of other shapes, with the first call. On the CPU torch needs `g++`.
        _model_store: where the model is; the current workspace's store if None.

    Attributes:
        call_joiner: joins the calls of a replica; None until it is set up.
        open_device: opens the device of a placement; `devices.open_device` if None.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: another runner type saved it, the method cannot be served, or an argument is wrong.
    """

    call_joiner: CallJoiner | None = None
    open_device: Callable[[Placement], Any] | None = None

    def __init__(
        self,
        tag: Tag | str,
        *,
        predict_fn_name: str = CALL,
        partial_kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
        cast_inputs: bool = False,
        pad_to: PadTo | Mapping[str, Any] | None = None,
        dtype: str | None = None,
        autocast: str | None = None,
        compile: bool | str | Mapping[str, Any] = False,  # torch's own word for it
        _model_store: Store | None = None,
    ) -> None:
        super().__init__(tag, name=name, _model_store=_model_store)
        self.predict_fn_name = check_method_name(predict_fn_name)
        self.partial_kwargs = _as_keywords(partial_kwargs)
        self.cast_inputs = bool(cast_inputs)
        self.pad_to = as_pad_to(pad_to)
        self.dtype = _as_floating("dtype", dtype, _FLOATING)
        self.autocast = _as_floating("autocast", autocast, _FLOATING[:2])
        self.compile_options = _as_compile_options(compile)
        self.load_arguments = _if_json_like(
            {
                "predict_fn_name": predict_fn_name,
                "partial_kwargs": self.partial_kwargs,
                "cast_inputs": cast_inputs,
                "pad_to": pad_to,
                "dtype": self.dtype,
                "autocast": self.autocast,
                "compile": compile,
            }
        )
        signature = self.model.info.signatures.get(predict_fn_name)
        # A method that save did not know may look across rows.
        self.batch_options.enabled = signature is not None and signature.batchable
        self.batch_options.policy = "device"
        if signature is not None:
            self.batch_options.input_batch_axis = signature.input_batch_axis
            self.batch_options.output_batch_axis = signature.output_batch_axis
        if self.pad_to is not None:
            self.pad_to.check_axes(self.batch_options.input_batch_axis, self.batch_options.output_batch_axis)

    def _setup(self) -> None:
        self._replica = load_reference("jubako_torch_runner.replica:Replica")(self)
        self.call_joiner = self._replica.joiner

    def batch_profile(self, method: str) -> BatchProfile | None:
        """What was measured while the replica was set up; None for methods that there are no example inputs of."""
        profile: BatchProfile | None = self._replica.profile(method)
        return profile

    def _run_batch(self, *args: Any, **kwargs: Any) -> Any:
        return self._replica.call("run", args, kwargs)

    def _run_model_method(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._replica.call(method, args, kwargs)

    def _shutdown(self) -> None:
        self.call_joiner = None
        self._replica.close()


def _as_keywords(given: Mapping[str, Any] | None) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise InvalidArgument(
            f"partial_kwargs cannot be {given!r}.", do='give names and values, such as {"return_dict": True}'
        )
    return dict(given)


def _as_floating(what: str, given: str | None, allowed: tuple[str, ...]) -> str | None:
    # torch.float16 is read as its name, which a replica can be told.
    name = None if given is None else str(given).removeprefix("torch.")
    if name is not None and name not in allowed:
        raise InvalidArgument(f"{what} cannot be {given!r}.", do=f"give one of {', '.join(allowed)}")
    return name


def _as_compile_options(given: bool | str | Mapping[str, Any]) -> Mapping[str, Any] | None:
    if isinstance(given, bool):
        return {} if given else None
    if isinstance(given, str):
        return {"mode": given}
    if isinstance(given, Mapping):
        return dict(given)
    raise InvalidArgument(
        f"compile cannot be {given!r}.", do='give True, a mode such as "reduce-overhead", or arguments of torch.compile'
    )


def _if_json_like(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments, if JSON gives them back, but for `pad_to`, which is read from either; else None."""
    try:
        read: dict[str, Any] = json.loads(json.dumps(arguments, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return None
    # The module would be given a list for a tuple, say, in a replica, and a tuple in a script.
    exact = ("partial_kwargs", "compile")
    return read if all(_same(arguments[name], read[name]) for name in exact) else None


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return all(map(_same, one, other))
    return bool(one == other)
