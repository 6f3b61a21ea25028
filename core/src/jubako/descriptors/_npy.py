"""Arrays ⇄ bytes: numpy's own format, npy, and the bare values. Never a Python object, and no size is believed.

What comes is copied once: the array is writable, aligned, and of this machine's byte order.
"""

from __future__ import annotations

import io
import math
import tokenize
from typing import Any

import numpy as np

from jubako.errors import BadInput, InvalidArgument

_Array = np.ndarray[Any, Any]
_EXPECTED = "an array as numpy.save writes it, without Python objects and fields"
# A header is read as a Python literal, hence the tokenizer's errors; its numbers are of any size.
_REFUSALS = (
    *(ValueError, TypeError, SyntaxError, OverflowError, MemoryError, RecursionError),
    tokenize.TokenError,
)
# An array without values takes no memory whatever its shape, until it is written as a list for each row.
_MOST_EMPTY_ROWS = 65_536
_MOST_DIMENSIONS = 64
_MOST_VALUES = 2**63 - 1
_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def read_npy(body: bytes) -> _Array:
    """Return the array of a body in the npy format; its header is checked against the body before room is made.

    Raises:
        BadInput: it is no npy, has more or fewer bytes than its header says, or holds what is no plain value.
    """
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        # Version 3 differs from 2 in how the names of fields are encoded, which are refused.
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read_header(stream)
    except _REFUSALS as error:
        raise BadInput("the body is not npy.", field="header", expected=_EXPECTED, why=_reason(error)) from error
    _check_header(shape, dtype)
    claimed, present = math.prod(shape) * dtype.itemsize, len(body) - stream.tell()
    if claimed != present:
        message = f"the header says {claimed} bytes of values, and {present} came."
        raise BadInput(message, field="header", expected=_EXPECTED)
    if is_fortran:
        return _values(body, stream.tell(), dtype, shape[::-1]).T
    return _values(body, stream.tell(), dtype, shape)


def dump_npy(array: _Array) -> bytes:
    """Write an array in the npy format.

    Raises:
        InvalidArgument: it holds Python objects or fields.
    """
    if array.dtype.kind in "OV":
        raise InvalidArgument(
            f"an array of dtype {array.dtype} cannot be written as npy.",
            why="It would hold Python objects or fields.",
            do="convert the array first",
        )
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=False)
    return stream.getvalue()


def why_not_raw(dtype: np.dtype[Any] | None, shape: tuple[int, ...] | None) -> str:
    """Say why bare values would not make an array of this dtype and shape, or nothing if they do."""
    if dtype is None or shape is None:
        return "Raw bytes name neither dtype nor shape, and the API declares not both of them"
    if dtype.kind not in "biufc":
        return f"Raw bytes hold numbers and booleans, and the API takes dtype {dtype}"
    if shape.count(-1) > 1 or (-1 in shape and 0 in shape):
        return f"Raw bytes do not say the lengths of more than one axis, and the API takes shape {shape}"
    return ""


def read_raw(body: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> _Array:
    """Return the array whose values a body is: little-endian, the last axis running fastest (C order).

    Args:
        body: the values.
        dtype: theirs.
        shape: at most one length is -1, which is computed; see `why_not_raw`.

    Raises:
        BadInput: the body has too many bytes for that shape, or too few.
    """
    known = math.prod(length for length in shape if length >= 0) * dtype.itemsize
    is_whole = len(body) % known == 0 if -1 in shape else len(body) == known
    if not is_whole:
        expected = f"{'a multiple of ' if -1 in shape else ''}{known} bytes: {dtype}, little-endian, shape {shape}"
        raise BadInput(f"the body has {len(body)} bytes.", field="$", expected=expected)
    lengths = tuple(len(body) // known if length < 0 else length for length in shape)
    return _values(body, 0, dtype.newbyteorder("<"), lengths)


def dump_raw(array: _Array) -> bytes:
    """Write the values of an array, little-endian and in C order."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _reason(error: BaseException) -> str:
    # numpy and the tokenizer quote what they could not read, which can be long.
    return f"{type(error).__name__}: {str(error)[:200]}."


def _check_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    is_dateless = dtype.kind in "Mm" and np.datetime_data(dtype)[0] == "generic"
    if dtype.kind in "OV" or dtype.hasobject or dtype.itemsize == 0 or is_dateless:
        raise BadInput(f"dtype {str(dtype)[:80]} is not taken.", field="header", expected=_EXPECTED)
    if len(shape) > _MOST_DIMENSIONS or not all(0 <= length <= _MOST_VALUES for length in shape):
        raise BadInput("the shape is none that an array can have.", field="header", expected=_EXPECTED)
    if 0 in shape and math.prod(shape[: shape.index(0)]) > _MOST_EMPTY_ROWS:
        expected = f"at most {_MOST_EMPTY_ROWS} rows without values"
        raise BadInput(f"shape {shape} is not taken.", field="header", expected=expected)


def _values(body: bytes, start: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> _Array:
    if 0 in shape:
        try:
            return np.empty(shape, dtype.newbyteorder("="))
        except ValueError as error:
            message = f"an array of shape {shape} is too large."
            raise BadInput(message, field="header", expected=_EXPECTED) from error
    array = np.frombuffer(body, dtype, offset=start).astype(dtype.newbyteorder("="))
    # Every pattern of bits is a number. Not so a boolean or a character: those that are none crash whoever uses them.
    if dtype.kind == "b" and int(array.view(np.uint8).max()) > 1:
        raise BadInput("a boolean is neither 0 nor 1.", field="values", expected="booleans of one byte, 0 or 1")
    if dtype.kind == "U":
        _check_characters(array.view(np.uint32))
    return array.reshape(shape)


def _check_characters(code_points: _Array) -> None:
    is_wrong = code_points > _LAST_CODE_POINT
    is_wrong |= (code_points >= _SURROGATES.start) & (code_points < _SURROGATES.stop)
    if is_wrong.any():
        raise BadInput("a text has what is no character.", field="values", expected="texts in Unicode")
