"""Values made of lists, tuples, dictionaries, numbers, text, bytes and arrays, laid out as JSON and raw buffers.

Any other value goes another way (`_pickled`). Only exact types count, so that what is read has the type of what was
written. Two references to one object become two objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jubako.values.payload import EncodedPayload

_LAYOUT = "tree"
_MAX_DEPTH = 64
# Numbers and text below this are JSON's own; every other value is a list that begins with a letter for its kind.
_JSON_INTEGERS = range(-(2**63), 2**64)


def encode(payload_type: str, value: Any) -> EncodedPayload | None:
    """Lay the value out; None if something in it is of another type, or lies too deep."""
    buffers: list[Any] = []
    try:
        tree = _encode(value, buffers, _MAX_DEPTH)
    except _NotATree:
        return None
    return EncodedPayload(payload_type, {"layout": _LAYOUT, "tree": tree}, tuple(buffers))


def is_tree(encoded: EncodedPayload) -> bool:
    """True if `encode` of this module wrote it."""
    return encoded.header.get("layout") == _LAYOUT


def decode(encoded: EncodedPayload) -> Any:
    """Read the value back; arrays lie on the buffers, bytes are copied."""
    return _decode(encoded.header["tree"], encoded.buffers)


def is_array(value: Any) -> bool:
    """True for an array whose elements are plain numbers, text or times."""
    if type(value) is not np.ndarray:
        return False
    dtype = value.dtype
    return not dtype.hasobject and dtype.names is None and dtype.itemsize > 0


class _NotATree(Exception):
    pass


def _encode(value: Any, buffers: list[Any], depth: int) -> Any:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if depth == 0:
        raise _NotATree
    encode = _ENCODERS.get(kind)
    if encode is not None:
        return encode(value, buffers, depth - 1)
    if isinstance(value, np.generic) and kind is value.dtype.type and is_array(np.asarray(value)):
        return ["g", *_encode_array(np.asarray(value), buffers, depth)[1:]]
    raise _NotATree


def _encode_int(value: int, buffers: list[Any], depth: int) -> Any:
    # Hexadecimal digits have no limit in Python, decimal ones do.
    return value if value in _JSON_INTEGERS else ["i", hex(value)]


def _encode_float(value: float, buffers: list[Any], depth: int) -> Any:
    return value if math.isfinite(value) else ["f", repr(value)]


def _encode_text(value: str, buffers: list[Any], depth: int) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        # A lone surrogate is a str in Python, and nothing in UTF-8.
        buffers.append(value.encode("utf-8", "surrogatepass"))
        return ["s", len(buffers) - 1]
    return value


def _encode_bytes(value: bytes, buffers: list[Any], depth: int) -> Any:
    buffers.append(value)
    return ["b", len(buffers) - 1]


def _encode_array(value: np.ndarray[Any, Any], buffers: list[Any], depth: int) -> Any:
    if not is_array(value):
        raise _NotATree
    # datetime64 and timedelta64 have no buffer format, so the bytes are taken through a view.
    buffers.append(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    return ["a", len(buffers) - 1, value.dtype.str, list(value.shape)]


def _encode_list(value: Sequence[Any], buffers: list[Any], depth: int) -> Any:
    return ["l", *[_encode(item, buffers, depth) for item in value]]


def _encode_tuple(value: Sequence[Any], buffers: list[Any], depth: int) -> Any:
    return ["t", *[_encode(item, buffers, depth) for item in value]]


def _encode_dict(value: Mapping[Any, Any], buffers: list[Any], depth: int) -> Any:
    return ["d", *[_encode(part, buffers, depth) for pair in value.items() for part in pair]]


_ENCODERS: Mapping[type, Callable[[Any, list[Any], int], Any]] = {
    int: _encode_int,
    float: _encode_float,
    str: _encode_text,
    bytes: _encode_bytes,
    np.ndarray: _encode_array,
    list: _encode_list,
    tuple: _encode_tuple,
    dict: _encode_dict,
}


def _decode(tree: Any, buffers: Sequence[Any]) -> Any:
    if type(tree) is not list:
        return tree
    mark = tree[0]
    if mark == "l":
        return [_decode(item, buffers) for item in tree[1:]]
    if mark == "t":
        return tuple([_decode(item, buffers) for item in tree[1:]])
    if mark == "d":
        parts = [_decode(item, buffers) for item in tree[1:]]
        return dict(zip(parts[::2], parts[1::2], strict=True))
    if mark in {"a", "g"}:
        array = np.frombuffer(buffers[tree[1]], np.uint8).view(np.dtype(tree[2])).reshape(tree[3])
        return array if mark == "a" else array[()]
    return _LEAVES[mark](tree[1], buffers)


_LEAVES: Mapping[str, Callable[[Any, Sequence[Any]], Any]] = {
    "i": lambda digits, _: int(digits, 16),
    "f": lambda text, _: float(text),
    "s": lambda index, buffers: bytes(buffers[index]).decode("utf-8", "surrogatepass"),
    "b": lambda index, buffers: bytes(buffers[index]),
}
