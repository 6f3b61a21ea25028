"""`NumpyNdarray`: arrays as JSON lists, as npy, and as raw bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import orjson

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.descriptors._aliases import resolve_alias
from jubako.descriptors._arrays import (
    cast_exactly,
    cast_softly,
    check_dtype,
    describe_values,
    find_misfit,
    json_path,
    read_array,
    reshape_softly,
)
from jubako.descriptors._json_text import dump_json, listed, parse_json
from jubako.descriptors._npy import dump_npy, dump_raw, read_npy, read_raw, why_not_raw
from jubako.descriptors.media_types import JSON_MEDIA_TYPE, choose_media_type, find_media_type, plain_media_type
from jubako.errors import BadInput, InvalidArgument, UnsupportedMediaType

NPY_MEDIA_TYPE = "application/x-npy"
RAW_MEDIA_TYPE = "application/octet-stream"
_Array = np.ndarray[Any, Any]
_VALUE_TYPES = ["boolean", "null", "number", "string"]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
# What the reference calls the values of its schemas, by the kinds of dtypes.
_FRAGMENT_TYPES = {"i": "integer", "u": "integer", "f": "number", "c": "number"}


class NumpyNdarray(Descriptor):
    """A numpy array, as nested JSON lists of numbers, booleans or text, in numpy's own format, or as raw bytes.

    Takes, and answers by the Accept header, three media types:

    - `application/json` (main; also `application/…+json` and requests without a content type): a lone number is an
      array without dimensions. JSON has no NaN and no infinities: they are written as `null`, and `null` among numbers
      is read as NaN. Lists of unequal lengths, objects, and texts or booleans among numbers are refused.
    - `application/x-npy`: what `numpy.save` writes, without Python objects and fields.
    - `application/octet-stream`, with a `dtype` of numbers or booleans and a `shape` with at most one -1: the bare
      values, little-endian, in C order. An answer that is not of that dtype and shape is written as JSON all the same.

    Args:
        dtype: the values' type, as numpy names it; None keeps the one that the JSON values have (int64, float64, bool,
            text).
        enforce_dtype: True refuses values that `dtype` cannot hold, and booleans for numbers; whole floats are taken as
            integers. False converts what can be converted, and hands everything else to the API as it is.
        shape: the lengths of all axes; -1 takes any. None takes any shape.
        enforce_shape: True refuses other shapes. False reshapes if the number of values allows it, and hands every
            other array to the API as it is.
    """

    media_types: tuple[str, ...] = (JSON_MEDIA_TYPE, NPY_MEDIA_TYPE)

    def __init__(
        self,
        dtype: Any = None,
        enforce_dtype: bool = False,
        shape: Sequence[int] | None = None,
        enforce_shape: bool = False,
    ) -> None:
        self._dtype = None if dtype is None else check_dtype(dtype)
        self._shape = None if shape is None else _check_shape(shape)
        self._enforce_dtype = enforce_dtype
        self._is_number = enforce_dtype and self._dtype is not None and self._dtype.kind in "iufc"
        self._enforce_shape = enforce_shape
        for enforced, value, name in ((enforce_dtype, dtype, "dtype"), (enforce_shape, shape, "shape")):
            if enforced and value is None:
                raise InvalidArgument(f"enforce_{name}=True has no {name} to enforce.", do=f"give {name}=… too")
        self._why_not_raw = why_not_raw(self._dtype, self._shape)
        if not self._why_not_raw:
            self.media_types = (*self.media_types, RAW_MEDIA_TYPE)

    @classmethod
    def from_sample(cls, sample_input: _Array, enforce_dtype: bool = True, enforce_shape: bool = True) -> NumpyNdarray:
        """Describe arrays of the dtype and the whole shape of a sample.

        Raises:
            InvalidArgument: the sample is no array.
        """
        if not isinstance(sample_input, np.ndarray):
            kind = type(sample_input).__name__
            raise InvalidArgument(f"a sample is a numpy array, not {kind}.", do="use numpy.asarray(…)")
        return cls(sample_input.dtype, enforce_dtype, sample_input.shape, enforce_shape)

    @classmethod
    def from_annotation(cls, annotation: Any) -> NumpyNdarray:
        """Describe `numpy.ndarray`, or `numpy.typing.NDArray[numpy.float32]`, which declares the dtype."""
        # NDArray[T] is ndarray[shape, dtype[T]].
        scalar = next((part for dtype in get_args(resolve_alias(annotation))[1:2] for part in get_args(dtype)), None)
        # Of abstract classes, such as numpy.floating, numpy makes a dtype of its choice, which nobody declared.
        is_concrete = isinstance(scalar, type) and issubclass(scalar, np.generic) and scalar in np.sctypeDict.values()
        return cls(dtype=scalar) if is_concrete else cls()

    def decode(self, body: bytes, content_type: str) -> _Array:
        """Return the body's array; see `Descriptor.decode`."""
        media_type = self._find_media_type(content_type)
        if media_type == JSON_MEDIA_TYPE:
            array = read_array(parse_json(body), body, self._dtype)
        elif media_type == RAW_MEDIA_TYPE and self._dtype is not None and self._shape is not None:
            array = read_raw(body, self._dtype, self._shape)
        else:
            array = read_npy(body)
        if self._is_number and array.dtype.kind == "b" and array.size:
            raise BadInput("the array has booleans.", field="$", expected=f"values of dtype {self._dtype}")
        array, mistake = self._conform(array)
        if mistake:
            field, problem, expected = mistake
            raise BadInput(problem, field=field, expected=expected)
        return array

    def encode(self, value: Any, accept: str = "") -> EncodedBody:
        """Write an array, or one numpy number, as nested lists; see `Descriptor.encode`."""
        if not isinstance(value, np.ndarray | np.generic):
            raise InvalidArgument(
                f"an API with output {self!r} returned {type(value).__name__}.",
                why="It returns a numpy array.",
                do="return numpy.asarray(…), or declare output=JSON()",
            )
        array, mistake = self._conform(np.asarray(value))
        if mistake:
            _, message, expected = mistake
            raise InvalidArgument(
                f"an API with output {self!r} returned another: {message}", why=f"Expected {expected}."
            )
        media_type = choose_media_type(accept, self.media_types)
        if media_type == NPY_MEDIA_TYPE:
            return EncodedBody(dump_npy(array), NPY_MEDIA_TYPE)
        if media_type == RAW_MEDIA_TYPE and array.dtype == self._dtype and _fits(array.shape, self._shape or ()):
            return EncodedBody(dump_raw(array), RAW_MEDIA_TYPE)
        return EncodedBody(_dumped(array), JSON_MEDIA_TYPE)

    def openapi_schema(self) -> dict[str, Any]:
        """Nested arrays to the depth of the shape; an array of anything without one.

        With an enforced dtype it says exactly what is taken, else what is meant: much else is converted or handed on.
        """
        return self._schema(is_exact=self._enforce_dtype)

    def openapi_schema_type(self) -> dict[str, Any]:
        """The schema as BentoML 1.0 writes it: at most two levels of arrays, of objects if no dtype is declared."""
        if self._shape is None:
            return {"type": "array", "items": {}}
        values: dict[str, Any] = {
            "type": "object" if self._dtype is None else _FRAGMENT_TYPES.get(self._dtype.kind, "object")
        }
        return {"type": "array", "items": {"type": "array", "items": values} if len(self._shape) > 1 else values}

    def openapi_request_schema(self) -> dict[str, Any]:
        """As BentoML 1.0 answers; `openapi_request_content` says all, and says it exactly."""
        return {JSON_MEDIA_TYPE: {"schema": self.openapi_schema_type()}}

    def openapi_responses_schema(self) -> dict[str, Any]:
        """As BentoML 1.0 answers; `openapi_responses_content` says all, and says it exactly."""
        return {JSON_MEDIA_TYPE: {"schema": self.openapi_schema_type()}}

    def openapi_request_content(self) -> dict[str, Any]:
        """The schema of JSON, and the other media types."""
        return {JSON_MEDIA_TYPE: {"schema": self.openapi_schema()}} | dict.fromkeys(self.media_types[1:], _BINARY)

    def openapi_responses_content(self) -> dict[str, Any]:
        """The same for answers, which can hold null for NaN, and be a single value if no shape is declared."""
        return {JSON_MEDIA_TYPE: {"schema": self._schema(is_exact=True)}} | dict.fromkeys(self.media_types[1:], _BINARY)

    def _schema(self, *, is_exact: bool) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if self._dtype is not None:
            values = describe_values(self._dtype, is_enforced=self._enforce_dtype, is_exact=is_exact)
        if self._shape is None:
            if not is_exact:
                return {"type": "array", "items": {}}
            if self._dtype is not None and not values:
                return {}
            types = values.get("type", _VALUE_TYPES)
            return {**values, "type": ["array", *([types] if isinstance(types, str) else types)]}
        for length in reversed(self._shape):
            values = {"type": "array", "items": values}
            if self._enforce_shape and length >= 0:
                values |= {"minItems": length, "maxItems": length}
        return values

    def __repr__(self) -> str:
        parts = [] if self._dtype is None else [f"dtype={str(self._dtype)!r}"]
        parts += ["enforce_dtype=True"] if self._enforce_dtype else []
        parts += [] if self._shape is None else [f"shape={self._shape}"]
        parts += ["enforce_shape=True"] if self._enforce_shape else []
        return f"NumpyNdarray({', '.join(parts)})"

    def _find_media_type(self, content_type: str) -> str:
        # Nearly every request: not one more look at it.
        if content_type in ("", JSON_MEDIA_TYPE):
            return JSON_MEDIA_TYPE
        if self._why_not_raw and plain_media_type(content_type) == RAW_MEDIA_TYPE:
            expected = " or ".join(self.media_types)
            raise UnsupportedMediaType(
                f"content type {RAW_MEDIA_TYPE!r} is not taken by this API.",
                expected=expected,
                why=f"{self._why_not_raw}. Expected {expected}.",
                do=f"send the header 'Content-Type: {JSON_MEDIA_TYPE}' or '{NPY_MEDIA_TYPE}', and a body of that kind",
            )
        return find_media_type(content_type, self.media_types)

    def _conform(self, array: _Array) -> tuple[_Array, tuple[str, str, str] | None]:
        """The array in the declared dtype and shape; if that is enforced and fails: field, message, expected."""
        dtype, shape = self._dtype, self._shape
        if dtype is not None and array.dtype != dtype:
            converted = cast_exactly(array, dtype) if self._enforce_dtype else cast_softly(array, dtype)
            if converted is None:
                path = json_path(find_misfit(array, dtype))
                return array, (path, f"the value at {path} does not fit dtype {dtype}.", f"values of dtype {dtype}")
            array = converted
        if shape is not None and array.shape == (0,):
            # No rows: JSON writes [] for every shape that begins with 0.
            array = reshape_softly(array, shape)
        if shape is not None and not _fits(array.shape, shape):
            if self._enforce_shape:
                return array, ("$", f"the array has shape {array.shape}.", f"shape {shape}, where -1 is any length")
            array = reshape_softly(array, shape)
        return array, None


def _check_shape(shape: Sequence[int]) -> tuple[int, ...]:
    lengths = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if not all(isinstance(length, int | np.integer) and length >= -1 for length in lengths):
        raise InvalidArgument(f"shape {shape!r} is not a shape.", do="give whole numbers, -1 for any length: (-1, 4)")
    return tuple(int(length) for length in lengths)


def _fits(actual: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    return len(actual) == len(declared) and all(d in (-1, a) for a, d in zip(actual, declared, strict=True))


def _dumped(array: _Array) -> bytes:
    try:
        return orjson.dumps(array, None, orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError:
        # Not contiguous, not of this machine's byte order, without dimensions, or of a dtype that orjson does not know.
        return dump_json(listed(array))
