"""Walking over the parts of a fitted model: telling whether two are the same, and finding parts of a type."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
import scipy.sparse

# These are what they are: compared by identity or by value, and nothing stands below them.
_NAMED = (type, FunctionType, BuiltinFunctionType, np.ufunc)
_PLAIN = (str, bytes, bytearray, int, float, complex, bool, type(None), slice, np.dtype)


def first_difference(one: Any, other: Any) -> str | None:
    """Where two models differ, as a path such as `.estimators_[3].tree_`; None if they are equal in every part.

    Types, keys, their order, dtypes, shapes and all values count; NaN equals NaN. Objects are compared by what they
    hand to pickle, so nothing is written.
    """
    return _compare(one, other, "", set())


def _compare(one: Any, other: Any, path: str, seen: set[tuple[int, int]]) -> str | None:
    here = path or "the object itself"
    if one is other:
        return None
    if type(one) is not type(other) or isinstance(one, _NAMED):
        return here
    if (id(one), id(other)) in seen:
        return None
    seen.add((id(one), id(other)))
    if isinstance(one, np.ndarray | np.generic) and not isinstance(one, np.ma.MaskedArray):
        return _compare_arrays(one, other, here, seen)
    if isinstance(one, _PLAIN):
        # NaN alone differs from itself.
        return None if one == other or (one != one and other != other) else here
    if isinstance(one, set | frozenset):
        return None if one == other else here
    return _compare_parts(_parts(one), _parts(other), here, path, seen)


def _compare_parts(
    ones: list[tuple[str, Any]], others: list[tuple[str, Any]], here: str, path: str, seen: set[tuple[int, int]]
) -> str | None:
    if [label for label, _ in ones] != [label for label, _ in others]:
        return here
    for (label, one), (_, other) in zip(ones, others, strict=True):
        difference = _compare(one, other, path + label, seen)
        if difference is not None:
            return difference
    return None


def _compare_arrays(one: Any, other: Any, here: str, seen: set[tuple[int, int]]) -> str | None:
    if one.dtype != other.dtype or one.shape != other.shape:
        return here
    if one.dtype == object:
        return _compare(one.ravel().tolist(), other.ravel().tolist(), here, seen)
    # Bytes tell -0.0 from 0.0 and take NaN for equal; structured arrays may have padding, so they go by value.
    if one.dtype.names is None:
        return None if one.tobytes() == other.tobytes() else here
    return None if all(one[name].tobytes() == other[name].tobytes() for name in one.dtype.names) else here


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{type(key).__name__} {key!r}]", item) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [(f"[{index}]", item) for index, item in enumerate(value)]
    if isinstance(value, np.random.RandomState):
        return [("", value.get_state(legacy=False))]
    if isinstance(value, np.random.Generator):
        return [("", value.bit_generator.state)]
    if scipy.sparse.issparse(value):
        # Not its flags, which say what was computed of it and forgotten again.
        names = ("shape", "data", "indices", "indptr", "coords", "offsets", "blocksize")
        return [(f".{name}", getattr(value, name)) for name in names if hasattr(value, name)]
    if isinstance(value, partial):
        return [(".func", value.func), (".args", value.args), (".keywords", value.keywords), (".__dict__", vars(value))]
    reduced = value.__reduce_ex__(2)
    if isinstance(reduced, str):
        return [("", reduced)]
    state = reduced[2] if len(reduced) > 2 else None
    attributes = state if isinstance(state, dict) else {"": state}
    items = [(f".{name}" if name else "", item) for name, item in attributes.items()]
    return [*items, *((".__reduce__", part) for part in (reduced[1], *reduced[3:]) if not hasattr(part, "__next__"))]


def find_parts(root: Any, types: tuple[type, ...]) -> Iterator[Any]:
    """Every instance of `types` below `root`, each once: through attributes, dictionaries, sequences, object arrays."""
    waiting, seen = [root], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, _PLAIN + _NAMED) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, types):
            yield value
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple | set):
            waiting.extend(value)
        elif isinstance(value, np.ndarray):
            if value.dtype == object:
                waiting.extend(value.ravel().tolist())
        elif hasattr(value, "__dict__"):
            waiting.extend(vars(value).values())
