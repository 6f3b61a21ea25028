"""JSON values → numpy arrays, without losing or inventing a value, and without trusting sizes.

Arrays are first read with the dtype that the JSON values have by themselves, then converted to the declared one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from jubako.errors import BadInput, InvalidArgument, PayloadTooLarge

_Array = np.ndarray[Any, Any]
_EXPECTED = "nested lists of equal lengths, all numbers, all booleans or all text"
_MAX_DIMENSIONS = 64
_MAX_EXPLAINED = 100_000
_JSON_TYPES = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "c": "number", "O": "object"}
# Kinds of dtypes, from and to: conversions that can keep every value, and those that only numpy's own cast makes.
_EXACT_KINDS = frozenset(
    [
        "bi",
        "bu",
        "bf",
        "bc",
        "ii",
        "iu",
        "ui",
        "uu",
        "fi",
        "fu",
        "if",
        "uf",
        "ff",
        "ic",
        "uc",
        "fc",
        "cc",
        "UU",
        "UM",
        "MM",
    ]
)
_LOSSY_KINDS = frozenset(["fi", "fu", "ib", "ub", "fb", "Ub", "Ui", "Uu", "Uf", "Uc", "bU", "iU", "uU", "fU"])


def check_dtype(dtype: Any) -> np.dtype[Any]:
    """Return a declared dtype as numpy's.

    Raises:
        InvalidArgument: numpy does not know it, or JSON values never become it.
    """
    try:
        checked: np.dtype[Any] = np.dtype(dtype)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"{dtype!r} is not a dtype.", why=str(error), do="write for example 'float32'") from error
    if checked.kind not in "biufcUMO":
        raise InvalidArgument(f"dtype {checked} cannot be read from JSON.", do="use a number, text or date type")
    return checked


def describe_values(dtype: np.dtype[Any], *, is_enforced: bool, is_exact: bool) -> dict[str, Any]:
    """The JSON schema of an array's single values.

    Args:
        dtype: the declared one.
        is_enforced: adds the bounds of what it can hold.
        is_exact: adds the null that stands for NaN.
    """
    kind = dtype.kind
    schema: dict[str, Any] = {"type": _JSON_TYPES.get(kind, "string")}
    if is_exact and kind == "O":
        return {}
    if is_exact and kind in "fc":
        schema["type"] = ["number", "null"]
    if not is_enforced:
        return schema
    if kind in "iu":
        schema |= {"minimum": int(np.iinfo(dtype).min), "maximum": int(np.iinfo(dtype).max)}
    elif kind == "f" and dtype.itemsize < 8:
        schema |= {"minimum": float(np.finfo(dtype).min), "maximum": float(np.finfo(dtype).max)}
    elif kind == "U" and dtype.itemsize:
        schema["maxLength"] = dtype.itemsize // 4
    return schema


def json_path(index: tuple[int, ...]) -> str:
    """The path of a value in nested lists, such as `$[3][0]`."""
    return "$" + "".join(f"[{position}]" for position in index)


def read_array(value: Any, body: bytes, dtype: np.dtype[Any] | None) -> _Array:
    """Return the array that nested lists hold, in their own dtype, or in `dtype` if that is `object`.

    Args:
        value: what `body` says.
        body: for a look at what it cannot hold.
        dtype: the declared one.

    Raises:
        BadInput: the lists have unequal lengths, or hold anything but numbers, booleans, nulls, or text only.
        PayloadTooLarge: texts of too different lengths would become an array far larger than the body.
    """
    if dtype is not None and dtype.kind == "O":
        return _read_objects(value)
    # numpy makes room for the longest text in every place, which costs an attacker little and the server much:
    # where there can be text (JSON has none without a quote) its size is looked at first.
    if b'"' in body:
        return _read_text(value, len(body))
    try:
        array = np.array(value)
    except ValueError:
        raise _explained(value) from None
    if array.dtype.kind != "b" and (b"true" in body or b"false" in body):
        # To numpy true is a 1 like any other.
        raise _explained(value)
    if array.dtype.kind == "f" and dtype is not None and dtype.kind == "u" and dtype.itemsize == 8:
        return _read_unsigned(value, array)
    return array if array.dtype.kind in "biuf" else _read_missing(value, array)


def _read_unsigned(value: Any, array: _Array) -> _Array:
    """Read what numpy took for floats: that is what it makes of whole numbers on both sides of 2 to the power of 63."""
    exact = np.array(value, dtype=object)
    if all(type(each) is int and 0 <= each < 2**64 for each in exact.flat):
        return exact.astype(np.uint64)
    return array


def cast_exactly(array: _Array, dtype: np.dtype[Any]) -> _Array | None:
    """Convert if every value stays the same, beyond rounding of floats; else return None.

    Whole floats become integers; nothing but booleans becomes a boolean.
    """
    source, target = array.dtype.kind, dtype.kind
    if array.size == 0 or target == "O":
        return array.astype(dtype)
    if source + target not in _EXACT_KINDS:
        return None
    if np.can_cast(array.dtype, dtype):
        return array.astype(dtype)
    if target in "iu" and not np.all(_is_whole_within(array, np.iinfo(dtype))):
        return None
    if target == "U" and dtype.itemsize and np.any(np.strings.str_len(array) > dtype.itemsize // 4):
        return None
    return _cast_dates(array, dtype) if target == "M" else _cast(array, dtype)


def cast_softly(array: _Array, dtype: np.dtype[Any]) -> _Array:
    """Convert as numpy's `astype` does (1.5 becomes 1), but return the array itself where that fails, wraps or cuts."""
    converted = cast_exactly(array, dtype)
    if converted is None and array.dtype.kind + dtype.kind in _LOSSY_KINDS:
        converted = _cast(array, dtype)
    return array if converted is None else converted


def find_misfit(array: _Array, dtype: np.dtype[Any]) -> tuple[int, ...]:
    """The index of the first value for which `cast_exactly` gives None."""
    flat = array.ravel()
    low, high = 0, flat.size
    # The first misfit is in the first half exactly if the first half does not convert.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if cast_exactly(flat[low:middle], dtype) is None else (middle, high)
    return tuple(int(position) for position in np.unravel_index(low, array.shape))


def reshape_softly(array: _Array, shape: tuple[int, ...]) -> _Array:
    """Reshape if the number of values allows it; else return the array itself."""
    try:
        return array.reshape(shape)
    except ValueError:
        return array


def _is_whole_within(array: _Array, limits: np.iinfo[Any]) -> _Array:
    if array.dtype.kind in "iub":
        within: _Array = (array >= limits.min) & (array <= limits.max)
        return within
    # As float the upper limit may round up to one that is too large, so the comparison is with the next power of two.
    whole: _Array = (
        (array >= float(limits.min)) & (array < 2.0 ** int(limits.max).bit_length()) & (np.trunc(array) == array)
    )
    return whole


def _cast(array: _Array, dtype: np.dtype[Any]) -> _Array | None:
    try:
        with np.errstate(over="raise", invalid="raise"):
            return array.astype(dtype)
    except (ValueError, FloatingPointError, OverflowError):
        return None


def _cast_dates(array: _Array, dtype: np.dtype[Any]) -> _Array | None:
    """Convert texts to dates; numpy makes other dates, without a word, of those that the unit has no room for."""
    dates, years = _cast(array, dtype), _cast(array, np.dtype("M8[Y]"))
    if dates is None or years is None or np.any(dates.astype("M8[Y]").view(np.int64) != years.view(np.int64)):
        return None
    return dates


def _read_objects(value: Any) -> _Array:
    array = np.array(value, dtype=object)
    if any(isinstance(leaf, list) for leaf in array.ravel().tolist()):
        raise _explained(value)
    return array


def _read_text(value: Any, body_bytes: int) -> _Array:
    array = np.array(value, dtype=object)
    leaves = array.ravel().tolist()
    if set(map(type, leaves)) - {str}:
        raise _explained(value)
    # Texts without a terminating difference in length take at most 4 bytes a character; 16 leaves room for short ones.
    needed_bytes = 4 * max(map(len, leaves), default=0) * len(leaves)
    if needed_bytes > 16 * body_bytes + 65536:
        raise PayloadTooLarge(
            f"these {len(leaves)} texts would take {needed_bytes} bytes as an array.",
            why="A numpy array gives every text the room of the longest.",
            do="send texts of similar lengths, or several requests",
        )
    return array.astype(str)


def _read_missing(value: Any, array: _Array) -> _Array:
    """Numbers with nulls among them, as floats with NaN."""
    if array.ndim == 0 or set(map(type, array.ravel().tolist())) - {int, float, bool, type(None)}:
        raise _explained(value)
    return array.astype(np.float64)


def _explained(value: Any) -> BadInput:
    """Say what is the first thing that makes nested lists no array."""
    first = value
    lengths = []
    while isinstance(first, list) and first:
        lengths.append(len(first))
        first = first[0]
    if len(lengths) > _MAX_DIMENSIONS:
        limit = f"at most {_MAX_DIMENSIONS} dimensions"
        return BadInput(f"the lists are nested {len(lengths)} deep.", field="$", expected=limit)
    for index, item in _walk(value):
        depth, path = len(index), json_path(index)
        if isinstance(item, list):
            if depth >= len(lengths) and item:
                return BadInput(f"a list stands at {path}, where others have a value.", field=path, expected=_EXPECTED)
            if depth < len(lengths) and len(item) != lengths[depth]:
                return _unequal(path, len(item), lengths[depth])
        elif depth < len(lengths):
            return BadInput(f"a value stands at {path}, where others have a list.", field=path, expected=_EXPECTED)
        elif isinstance(item, dict) or (item is None and (depth == 0 or isinstance(first, str))):
            return BadInput(f"{_named(item)} stands at {path}.", field=path, expected=_EXPECTED)
        elif isinstance(item, str) != isinstance(first, str) or isinstance(item, bool) != isinstance(first, bool):
            kinds = f"{_named(item)} stands at {path}, but {_named(first)} before."
            return BadInput(kinds, field=path, expected=_EXPECTED)
    return BadInput("the body is no array.", field="$", expected=_EXPECTED)


def _unequal(path: str, length: int, expected: int) -> BadInput:
    return BadInput(
        f"the list at {path} has length {length}, but others beside it {expected}.", field=path, expected=_EXPECTED
    )


def _walk(value: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Items of nested lists in order with their index, at most 100,000; an iterator for each level that is open.

    A body can hold millions of items: a search without end, or a list of what waits, would be a gift to attackers.
    """
    yield (), value
    index: list[int] = []
    open_lists = [enumerate(value)] if isinstance(value, list) else []
    for _ in range(_MAX_EXPLAINED):
        if not open_lists:
            return
        position, item = next(open_lists[-1], (-1, None))
        if position < 0:
            open_lists.pop()
            index = index[:-1]
            continue
        yield (*index, position), item
        if isinstance(item, list):
            index.append(position)
            open_lists.append(enumerate(item))


def _named(item: Any) -> str:
    names = {type(None): "null", str: "text", bool: "a boolean", dict: "an object", int: "a number", float: "a number"}
    return names.get(type(item), "a value")
