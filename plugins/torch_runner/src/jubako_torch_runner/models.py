"""`save`, `load` and `load_runner` of `jubako.torch`. Imports no framework: API workers call `load_runner`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jubako._references import load_reference
from jubako.contracts.store import Store
from jubako.models import save_object
from jubako.values.signature import Signature, SignatureLike, as_signatures
from jubako.values.tag import Tag
from jubako_torch_runner.formats import FRAMEWORK_DISTRIBUTIONS, RUNNER_TYPE
from jubako_torch_runner.pad_to import PadTo
from jubako_torch_runner.runner import TorchRunner

_SAVING = "jubako_torch_runner.saving"


def save(
    name: str,
    model: Any,
    *,
    example_inputs: Any = None,
    init: Mapping[str, Any] | None = None,
    serializer: str | None = None,
    signatures: Mapping[str, SignatureLike] | None = None,
    labels: Mapping[str, str] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    _model_store: Store | None = None,
) -> Tag:
    """Store a PyTorch module as a new version of `name`.

    It is written in the first of three formats that gives it back when it is read again: `safetensors`, which is data,
    if its class can be imported and `init` is given; `torch.export`, the graph that it computes for any number of rows,
    if `example_inputs` are given; `torch.save`. The last two are code, and one line says what would make it data.

    Args:
        name: the model's name, without a version.
        model: any `torch.nn.Module`, in training or not, on any device; not changed. `torch.compile` and data
            parallelism around it are taken off.
        example_inputs: one row of what the module takes, with its batch axis, such as `torch.zeros(1, 4)`; of several
            rows the first. A tensor or array, a tuple of positional arguments, a dictionary of keyword arguments, or a
            pair of both. Kept beside the model, as data, to warm up and measure the device that serves it.
        init: the keyword arguments that the module's class makes an equal module with, JSON-like; `{}` if it needs
            none.
        serializer: the one format to use, in place of the first that works.
        signatures: methods that are called in other ways than `__call__` along axis 0: `{"encode": {"batchable":
            True}}`, or `{"__call__": {"batchable": False}}` for a module that looks across rows.
        labels: text to text, for people and queries.
        custom_objects: Python objects kept beside the model, as code.
        metadata: the user's own facts, JSON-like.
        _model_store: where to; the current workspace's store if None.

    Returns:
        The exact tag of the new version.

    Raises:
        InvalidArgument: `model` is no module, or TorchScript, an argument is wrong, or the module can be written in
            none of the formats; says why, for each.
    """
    given = {"__call__": Signature(), **as_signatures(signatures)}
    formats = load_reference(f"{_SAVING}:choose_formats")(serializer)
    prepare = load_reference(f"{_SAVING}:prepare")
    saved = prepare(model, example_inputs=example_inputs, init=init, signatures=given)
    return save_object(
        name,
        saved,
        module=RUNNER_TYPE,
        serializers=formats,
        same=load_reference(f"{_SAVING}:is_same"),
        signatures=given,
        labels=labels,
        custom_objects=custom_objects,
        metadata=metadata,
        described_as=type(saved.module).__name__,
        framework_name="PyTorch",
        framework_distributions=FRAMEWORK_DISTRIBUTIONS,
        _model_store=_model_store,
    )


def load(tag: Tag | str, device_id: str = "cpu", *, _model_store: Store | None = None) -> Any:
    """Return the module, in evaluation mode, on a device.

    Of a model that is stored as a graph (`torch.export`), it is the graph's `ExportedProgram.module()`: it is called as
    the module was, with the arguments of its example inputs and any number of rows, and has no other methods.

    Args:
        tag: the model's tag; without a version, the newest.
        device_id: where to, such as `cpu` or `cuda:0`.
        _model_store: where it is; the current workspace's store if None.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: another runner type saved it, or there is no such device.
        ModelNotTrusted: it is stored as code and was not declared trusted here, or its files name what is no module.
        MissingDependency: its class is not installed.
        ModelDigestMismatch: a file is not what the manifest says.
    """
    return load_reference(f"{_SAVING}:load_on")(tag, device_id, _model_store=_model_store)


def load_runner(
    tag: Tag | str,
    *,
    predict_fn_name: str = "__call__",
    partial_kwargs: Mapping[str, Any] | None = None,
    name: str | None = None,
    cast_inputs: bool = False,
    pad_to: PadTo | Mapping[str, Any] | None = None,
    dtype: str | None = None,
    autocast: str | None = None,
    compile: bool | str | Mapping[str, Any] = False,  # torch's own word for it
    _model_store: Store | None = None,
) -> TorchRunner:
    """Return a runner of one method of a module; resolves the tag now, and loads nothing yet.

    Args:
        tag: the model's tag; without a version, the newest.
        predict_fn_name: the method that `run` calls; a module that is stored as a graph has none but `__call__`.
        partial_kwargs: keyword arguments that every call gets.
        name: the runner's name; the model's if None.
        cast_inputs: True to cast what callers give to the types that the module takes.
        pad_to: how inputs of different lengths share a batch: a mapping of what `PadTo` takes.
        dtype: the floating type that the module and its inputs are brought to, such as `float16`.
        autocast: the type that operations are computed in where torch holds that for safe.
        compile: True to compile the module, a mode, or arguments of `torch.compile`.
        _model_store: where the model is; the current workspace's store if None.

    `TorchRunner` says more of each. Where all of them are JSON-like, a replica is given the same without the user's
    program.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: the method cannot be served, or an argument is wrong.
    """
    return TorchRunner(
        tag,
        name=name,
        predict_fn_name=predict_fn_name,
        partial_kwargs=partial_kwargs,
        cast_inputs=cast_inputs,
        pad_to=pad_to,
        dtype=dtype,
        autocast=autocast,
        compile=compile,
        _model_store=_model_store,
    )
