"""The state of a module as tensors by name, taken out and put in so that nothing of it is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import torch

from jubako.errors import InvalidArgument, InvalidManifest


@attrs.frozen(eq=False)
class ModuleState:
    """Everything of a module that its class and constructor arguments do not say.

    Args:
        tensors: parameters and buffers by name, each tensor once.
        tied: further names of tensors → the name under which each is kept.
        passing: names of buffers that a state dict leaves out (`persistent=False`).
        frozen: names of parameters that need no gradient.
        layouts: names of tensors whose axes lie in another order in memory (such as channels last) → the order.
    """

    tensors: Mapping[str, torch.Tensor]
    tied: Mapping[str, str]
    passing: Sequence[str]
    frozen: Sequence[str]
    layouts: Mapping[str, Sequence[int]]


def take_state(module: torch.nn.Module) -> ModuleState:
    """The state of a module; its tensors are the module's own.

    Raises:
        InvalidArgument: part of the state is no tensor, or a tensor is missing from what the module itself calls its
            state.
    """
    named = {**_named(module.named_parameters(remove_duplicate=False)), **_named_buffers(module)}
    state = module.state_dict(keep_vars=True)
    for name, value in state.items():
        if named.get(name) is not value:
            raise InvalidArgument(
                f"the state of {type(module).__name__} cannot be stored as tensors.",
                why=f"{name!r} in its state dict is no parameter or buffer of that name.",
            )
    parameters = _named(module.named_parameters(remove_duplicate=False))
    left_out = [name for name in parameters if name not in state]
    if left_out:
        raise InvalidArgument(
            f"the state of {type(module).__name__} cannot be stored as tensors.",
            why=f"Its state dict leaves out the parameter {left_out[0]!r}.",
        )
    first: dict[int, str] = {}
    tied: dict[str, str] = {}
    for name, tensor in named.items():
        kept = first.setdefault(id(tensor), name)
        if kept != name:
            tied[name] = kept
    own = {name: tensor for name, tensor in named.items() if name not in tied}
    return ModuleState(
        tensors=own,
        tied=tied,
        passing=[name for name in named if name not in state],
        frozen=[name for name, parameter in parameters.items() if not parameter.requires_grad],
        layouts={name: order for name, tensor in own.items() if (order := _layout(tensor)) is not None},
    )


def put_state(module: torch.nn.Module, state: ModuleState) -> None:
    """Give a new module a state: its tensors become the module's, with their own types.

    Raises:
        InvalidManifest: the names or shapes are not the module's.
    """
    tensors = {name: _laid_out(name, tensor, state.layouts) for name, tensor in state.tensors.items()}
    for name, kept in state.tied.items():
        if kept not in tensors:
            raise InvalidManifest(f"{name!r} is tied to {kept!r}, which is not there.")
    everything = {**tensors, **{name: tensors[kept] for name, kept in state.tied.items()}}
    passing = {name: everything.pop(name) for name in state.passing if name in everything}
    try:
        module.load_state_dict(everything, strict=True, assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InvalidManifest("the tensors are not those of the module.", why=reason[:600]) from error
    buffers = dict(module.named_buffers(remove_duplicate=False))
    for name, tensor in passing.items():
        if name not in buffers:
            raise InvalidManifest(f"the module has no buffer {name!r}.")
        _put(module, name, tensor)
    for name, kept in state.tied.items():
        _put(module, name, _find(module, kept))
    parameters = dict(module.named_parameters(remove_duplicate=False))
    frozen = set(state.frozen)
    for name, parameter in parameters.items():
        # Whole numbers can have no gradient.
        if parameter.is_floating_point() or parameter.is_complex():
            parameter.requires_grad_(name not in frozen)


def _named(pairs: Any) -> dict[str, torch.Tensor]:
    return dict(pairs)


def _named_buffers(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return dict(module.named_buffers(remove_duplicate=False))


def _layout(tensor: torch.Tensor) -> list[int] | None:
    if tensor.is_contiguous():
        return None
    strides = tensor.stride()
    order = sorted(range(tensor.ndim), key=lambda axis: (-strides[axis], axis))
    return order if tensor.permute(order).is_contiguous() else None


def _laid_out(name: str, tensor: torch.Tensor, layouts: Mapping[str, Sequence[int]]) -> torch.Tensor:
    order = layouts.get(name)
    if order is None:
        return tensor
    if sorted(order) != list(range(tensor.ndim)):
        raise InvalidManifest(f"{order!r} is no order of the axes of {name!r}.")
    back = sorted(range(tensor.ndim), key=lambda axis: order[axis])
    return tensor.permute(list(order)).contiguous().permute(back)


def _find(module: torch.nn.Module, name: str) -> torch.Tensor:
    path, _, last = name.rpartition(".")
    owner = module.get_submodule(path)
    found = owner._parameters.get(last, owner._buffers.get(last))
    if found is None:
        raise InvalidManifest(f"the module has no tensor {name!r}.")
    return found


def _put(module: torch.nn.Module, name: str, tensor: torch.Tensor) -> None:
    path, _, last = name.rpartition(".")
    owner = module.get_submodule(path)
    if last in owner._buffers:
        owner._buffers[last] = tensor
    elif last in owner._parameters and isinstance(tensor, torch.nn.Parameter):
        owner._parameters[last] = tensor
    else:
        raise InvalidManifest(f"the module has no tensor {name!r} of that kind.")
