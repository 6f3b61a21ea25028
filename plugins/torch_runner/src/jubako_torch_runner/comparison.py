"""Whether a module that was read back is the one that was written: state to the bit, and every attribute."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import torch

# What torch keeps in every module and the state or `training` says; hooks are counted.
_OF_TORCH = frozenset(
    {
        *("_parameters", "_buffers", "_modules", "training", "_is_full_backward_hook"),
        *("_compiled_call_impl", "_is_torch_compile"),
    }
)
_MAX_DEPTH = 12


def first_difference(written: torch.nn.Module, read: torch.nn.Module) -> str:
    """Say where two modules differ, as a clause; empty if nowhere.

    Compared are classes, names, types, shapes and bits of parameters and buffers, which of them are one tensor, hooks,
    and every further attribute as far as it can be compared. Not compared is whether the module is in training.
    """
    one, other = (dict(module.named_modules(remove_duplicate=False)) for module in (written, read))
    if one.keys() != other.keys():
        return f"submodule {min(one.keys() ^ other.keys())!r} would be missing, or new"
    for path, module in one.items():
        difference = _difference_of_parts(module, other[path], path)
        if difference:
            return difference
    return _difference_of_ties(written, read)


def difference_of_tensors(written: Mapping[str, Any], read: Mapping[str, Any]) -> str:
    """Say where two sets of tensors differ in names, types, shapes or bits; empty if nowhere."""
    if written.keys() != read.keys():
        return f"tensor {min(written.keys() ^ read.keys())!r} would be missing, or new"
    for name, tensor in written.items():
        if (tensor is None) is not (read[name] is None):
            return f"tensor {name!r} would be missing, or new"
        if tensor is not None and not same_tensor(tensor, read[name]):
            return f"tensor {name!r} would come back changed"
    return ""


def same_tensor(one: torch.Tensor, other: torch.Tensor) -> bool:
    """True if two tensors have the same type, shape and bits; NaN equals NaN."""
    if one.dtype != other.dtype or one.shape != other.shape or one.layout != other.layout:
        return False
    one, other = one.detach().cpu(), other.detach().cpu()
    if one.layout is not torch.strided or one.is_quantized:
        return bool(torch.equal(one, other))
    return bool(torch.equal(_bits(one), _bits(other)))


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8)


def _difference_of_parts(written: torch.nn.Module, read: torch.nn.Module, path: str) -> str:
    where = f"{path}." if path else ""
    if not _same_class(type(written), type(read)):
        return f"{path or 'the module'!r} would be a {type(read).__name__}, not a {type(written).__name__}"
    for kind in ("_parameters", "_buffers"):
        difference = difference_of_tensors(
            *({f"{where}{name}": value for name, value in getattr(one, kind).items()} for one in (written, read))
        )
        if difference:
            return difference
    ours, theirs = ({key: one for key, one in vars(m).items() if key not in _OF_TORCH} for m in (written, read))
    if ours.keys() != theirs.keys():
        return f"attribute {where}{min(ours.keys() ^ theirs.keys())} would be missing, or new"
    for name, value in ours.items():
        if not _same(value, theirs[name], 0):
            what = "hooks" if name.endswith("_hooks") else "attribute"
            return f"{what} {where}{name} would come back changed"
    return ""


def _difference_of_ties(written: torch.nn.Module, read: torch.nn.Module) -> str:
    ours, theirs = _ties(written), _ties(read)
    changed = sorted(name for name, kept in ours.items() if theirs.get(name) != kept)
    return f"tensor {changed[0]!r} would no longer be shared as it is" if changed else ""


def _ties(module: torch.nn.Module) -> dict[str, str]:
    first: dict[int, str] = {}
    named = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    return {name: first.setdefault(id(tensor), name) for name, tensor in named}


def _same_class(one: type, other: type) -> bool:
    # A class that was pickled with its program, or made by parametrisation, is made anew.
    return one is other or (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _same(one: Any, other: Any, depth: int) -> bool:
    if one is other or depth > _MAX_DEPTH:
        return True
    if not _same_class(type(one), type(other)):
        return False
    if isinstance(one, torch.nn.Module):
        return True  # compared by its path, or held by reference only
    if isinstance(one, torch.Tensor):
        return same_tensor(one, other)
    if isinstance(one, Mapping):
        return _same_items(one, other, depth)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(_same(*pair, depth + 1) for pair in zip(one, other, strict=True))
    if isinstance(one, type):
        return _same_class(one, other)
    if isinstance(one, types.FunctionType):
        return _same_function(one, other, depth)
    if isinstance(one, types.MethodType):
        return _same(one.__func__, other.__func__, depth + 1)
    if _has_own_equality(type(one)):
        return _are_equal(one, other)
    attributes = getattr(one, "__dict__", None)
    # What says nothing of itself, such as a lock, is taken for the same.
    return attributes is None or _same_items(attributes, vars(other), depth)


def _same_items(one: Mapping[Any, Any], other: Mapping[Any, Any], depth: int) -> bool:
    if all(isinstance(key, int) for key in one) and len(one) and one.keys() != other.keys():
        # Hooks are kept under numbers that count up in each process.
        return len(one) == len(other) and all(
            _same(*pair, depth + 1) for pair in zip(one.values(), other.values(), strict=True)
        )
    return one.keys() == other.keys() and all(_same(value, other[key], depth + 1) for key, value in one.items())


def _same_function(one: types.FunctionType, other: types.FunctionType, depth: int) -> bool:
    ours, theirs = ([cell.cell_contents for cell in function.__closure__ or ()] for function in (one, other))
    return (
        one.__code__ == other.__code__
        and _same(one.__defaults__, other.__defaults__, depth + 1)
        and _same(ours, theirs, depth + 1)
    )


def _are_equal(one: Any, other: Any) -> bool:
    equal = one == other
    return bool(equal.all()) if hasattr(equal, "all") else bool(equal)


def _has_own_equality(cls: type) -> bool:
    return any("__eq__" in vars(one) for one in cls.__mro__ if one is not object)
