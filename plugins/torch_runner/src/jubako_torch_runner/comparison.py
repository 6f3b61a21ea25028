"""Whether a module that was read back is the one that was written: state to the bit, and every attribute."""

from __future__ import annotations

import math
import types
import weakref
from collections.abc import Mapping
from typing import Any

import torch

# What torch keeps in every module and the state or `training` says; `torch.compile` leaves its mark, and no more.
_OF_TORCH = frozenset(
    {
        *("_parameters", "_buffers", "_modules", "training", "_is_full_backward_hook"),
        *("_compiled_call_impl", "_is_torch_compile"),
    }
)


def first_difference(written: torch.nn.Module, read: torch.nn.Module, *, with_attributes: bool = True) -> str:
    """Say where two modules differ, as a clause; empty if nowhere.

    Compared are classes, and names, types, shapes and bits of parameters and buffers, and which of them are one tensor.
    Not compared is whether the module is in training.

    Args:
        written: the one.
        read: the other.
        with_attributes: whether hooks and every further attribute are compared too. What cannot be compared, such as a
            lock or a weak reference, is taken for the same if its type is.
    """
    return _Comparison(with_attributes=with_attributes).difference(written, read)


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
    ours, theirs = (_dense_parts(tensor.detach().cpu()) for tensor in (one, other))
    return len(ours) == len(theirs) and all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))


def _dense_parts(tensor: torch.Tensor) -> list[torch.Tensor]:
    """The bits of a tensor, or of the tensors that one of another kind is made of."""
    if hasattr(tensor, "__tensor_flatten__"):
        inner, _ = tensor.__tensor_flatten__()
        return [part for name in inner for part in _dense_parts(getattr(tensor, name))]
    if tensor.is_quantized:
        return [*_dense_parts(tensor.int_repr()), *_dense_parts(tensor.dequantize())]
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    return [tensor.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8)]


class _Comparison:
    """One comparison of two modules; objects that refer to each other in circles are compared once."""

    def __init__(self, *, with_attributes: bool) -> None:
        self._with_attributes = with_attributes
        self._begun: set[tuple[int, int]] = set()
        # What is compared by its id stays until the end.
        self._kept: list[Any] = []

    def difference(self, written: torch.nn.Module, read: torch.nn.Module) -> str:
        self._begin(written, read)
        one, other = (dict(module.named_modules(remove_duplicate=False)) for module in (written, read))
        if one.keys() != other.keys():
            return f"submodule {min(one.keys() ^ other.keys())!r} would be missing, or new"
        for path, module in one.items():
            difference = self._difference_of_parts(module, other[path], path)
            if difference:
                return difference
        return _difference_of_ties(written, read)

    def _difference_of_parts(self, written: torch.nn.Module, read: torch.nn.Module, path: str) -> str:
        where = f"{path}." if path else ""
        if not _same_class(type(written), type(read)):
            return f"{path or 'the module'!r} would be a {type(read).__name__}, not a {type(written).__name__}"
        for kind in ("_parameters", "_buffers"):
            difference = difference_of_tensors(
                *({f"{where}{name}": value for name, value in getattr(one, kind).items()} for one in (written, read))
            )
            if difference:
                return difference
        return self._difference_of_attributes(written, read, where) if self._with_attributes else ""

    def _difference_of_attributes(self, written: torch.nn.Module, read: torch.nn.Module, where: str) -> str:
        ours, theirs = ({key: one for key, one in vars(m).items() if key not in _OF_TORCH} for m in (written, read))
        if ours.keys() != theirs.keys():
            return f"attribute {where}{min(ours.keys() ^ theirs.keys())} would be missing, or new"
        for name, value in ours.items():
            is_hooks = name.endswith("_hooks")
            # Hooks are kept under numbers that count up in each process.
            pair = [list(one.values()) if is_hooks else one for one in (value, theirs[name])]
            if not self._same(*pair):
                return f"{'hooks' if is_hooks else 'attribute'} {where}{name} would come back changed"
        return ""

    def _begin(self, one: Any, other: Any) -> bool:
        pair = (id(one), id(other))
        if pair in self._begun:
            return False
        self._begun.add(pair)
        self._kept.append((one, other))
        return True

    def _same(self, one: Any, other: Any) -> bool:
        if one is other:
            return True
        if not _same_class(type(one), type(other)):
            return False
        if not self._begin(one, other):
            return True
        if isinstance(one, torch.nn.Module):
            # Held in a list, say: no part of the state.
            return not self.difference(one, other)
        if isinstance(one, torch.Tensor):
            return same_tensor(one, other)
        if isinstance(one, Mapping):
            return one.keys() == other.keys() and all(self._same(value, other[key]) for key, value in one.items())
        if isinstance(one, list | tuple):
            return len(one) == len(other) and all(self._same(*pair) for pair in zip(one, other, strict=True))
        if isinstance(one, type):
            return _same_class(one, other)
        if isinstance(one, types.FunctionType):
            return self._same_function(one, other)
        if isinstance(one, types.MethodType):
            return self._same(one.__func__, other.__func__) and self._same(one.__self__, other.__self__)
        if _has_own_equality(type(one)):
            return _are_equal(one, other)
        return self._same_as_pickled(one, other)

    def _same_function(self, one: types.FunctionType, other: types.FunctionType) -> bool:
        ours, theirs = ([cell.cell_contents for cell in function.__closure__ or ()] for function in (one, other))
        return (
            one.__code__ == other.__code__
            and self._same(one.__defaults__, other.__defaults__)
            and self._same(one.__kwdefaults__, other.__kwdefaults__)
            and self._same(ours, theirs)
        )

    def _same_as_pickled(self, one: Any, other: Any) -> bool:
        """Compare what the two would be made of again, as their classes say it."""
        try:
            ours, theirs = one.__reduce_ex__(4), other.__reduce_ex__(4)
        except TypeError:
            return True  # a lock, an open file
        if isinstance(ours, str) or isinstance(theirs, str):
            return bool(ours == theirs)
        return self._same(_without_iterators(ours), _without_iterators(theirs))


def _without_iterators(reduced: tuple[Any, ...]) -> list[Any]:
    """What `__reduce_ex__` answers, whose fourth and fifth parts are iterators or None."""
    return [*reduced[:3], *(None if part is None else list(part) for part in reduced[3:5]), *reduced[5:]]


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


def _has_own_equality(cls: type) -> bool:
    return any("__eq__" in vars(one) for one in cls.__mro__ if one is not object)


def _are_equal(one: Any, other: Any) -> bool:
    if isinstance(one, weakref.ReferenceType):
        # It holds nothing. Recurrent layers keep some to their weights, and make them anew where these are others.
        return True
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    equal = one == other
    return bool(equal.all()) if hasattr(equal, "all") else bool(equal)
