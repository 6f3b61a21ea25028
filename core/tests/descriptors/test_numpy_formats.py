"""Arrays as npy and as raw bytes, and which of them is answered."""

from __future__ import annotations

import contextlib
import io
import math
import pickle
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from jubako.errors import BadInput, InvalidArgument, UnsupportedMediaType
from jubako.io import NumpyNdarray
from jubako.testing import DescriptorTests

JSON = "application/json"
NPY = "application/x-npy"
RAW = "application/octet-stream"
NUMBERS = ["bool", "int8", "uint16", "<i4", ">i8", "float16", ">f4", "float64", "complex64"]


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npy_header(header, data=b"", version=(1, 0)):
    text = header.encode().ljust(117) + b"\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + data


def described(shape, descr="'<f8'"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


def same(left, right):
    return left.dtype == right.dtype.newbyteorder("=") and left.tobytes() == right.astype(left.dtype).tobytes()


@given(st.data())
def test_every_array_comes_back_from_npy(data):
    dtype = data.draw(st.sampled_from([*NUMBERS, "U5", ">U3", "S4", "M8[s]", "m8[ns]"]))
    array = data.draw(arrays(dtype, array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=4)))
    array = data.draw(
        st.sampled_from([array, np.asfortranarray(array), array.T, array[..., ::2] if array.ndim else array])
    )
    descriptor = NumpyNdarray()
    for body in (npy(array, allow_pickle=False), descriptor.encode(array, NPY).body):
        back = descriptor.decode(body, NPY)
        assert back.shape == array.shape
        assert same(back, array)
        assert back.flags.writeable
        assert back.flags.aligned


@given(st.data())
def test_every_array_of_numbers_comes_back_from_raw_bytes(data):
    dtype = data.draw(st.sampled_from(NUMBERS))
    array = data.draw(arrays(dtype, array_shapes(max_dims=3, max_side=4)))
    unknown = data.draw(st.integers(0, array.ndim - 1))
    shape = tuple(-1 if axis == unknown else length for axis, length in enumerate(array.shape))
    descriptor = NumpyNdarray(dtype=dtype, enforce_dtype=True, shape=shape, enforce_shape=True)
    encoded = descriptor.encode(array, RAW)
    assert encoded.content_type == RAW
    assert encoded.body == array.astype(array.dtype.newbyteorder("<")).tobytes()
    back = descriptor.decode(encoded.body, RAW)
    assert back.shape == array.shape
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_what_is_no_npy_is_bad_input(header, data):
    whole = npy(np.arange(6.0).reshape(2, 3))
    for body in (
        header,
        whole[:10] + header + data,
        npy_header(header.decode("latin-1"), data),
        whole + b"x",
        whole[:-1],
    ):
        with contextlib.suppress(BadInput):
            NumpyNdarray().decode(body, NPY)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is not npy"),
        (b"[[1, 2]]", "is not npy"),
        (npy(np.arange(3.0))[:-1], "says 24 bytes of values, and 23 came"),
        (npy(np.arange(3.0)) + b"\0", "and 25 came"),
        (npy_header(described((2**31, 2**31))), "and 0 came"),
        (npy_header(described((-1, -8)), bytes(64)), "none that an array can have"),
        (npy_header(described((10**30,))), "none that an array can have"),
        (npy_header(described((1,) * 65)), "none that an array can have|not npy"),
        (npy_header(described((0, 2**62, 2**62))), "is too large"),
        (npy_header(described((10**9, 0))), r"shape \(1000000000, 0\) is not taken"),
        (npy_header(described((1,), "'O'"), bytes(8)), "dtype object is not taken"),
        (npy_header(described((1,), "'V8'"), bytes(8)), "is not taken"),
        (npy_header(described((1,), "[('a', '<f8')]"), bytes(8)), "is not taken"),
        (npy_header(described((1,), "'(2,)<f4'"), bytes(8)), "is not taken"),
        (npy_header(described((10**15,), "'<U0'")), "is not taken"),
        (npy_header(described((1,), "'<M8'"), bytes(8)), "is not taken"),
        (npy_header(described((2,), "'|b1'"), b"\1\2"), "neither 0 nor 1"),
        (npy_header(described((1,), "'<U1'"), b"\xff\xff\xff\xff"), "no character"),
        (npy_header(described((1,), "'<U1'"), struct.pack("<I", 0xD800)), "no character"),
        (npy_header("[" * 100, b""), "not npy"),
        (npy_header("__import__('os').abort()", b""), "not npy"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "not npy"),
        (npy_header(described((3,))[:-1] + ", 'x': 1}", bytes(24)), "not npy"),
    ],
)
def test_an_npy_that_lies_or_holds_no_plain_values_is_refused(body, words):
    with pytest.raises(BadInput, match=words) as caught:
        NumpyNdarray().decode(body, NPY)
    assert caught.value.field
    assert caught.value.expected


def test_pickled_objects_in_an_npy_are_not_loaded(tmp_path):
    canary = tmp_path / "loaded"

    class Hostile:
        def __reduce__(self):
            return (canary.touch, ())

    body = npy(np.array([Hostile()], dtype=object), allow_pickle=True)
    assert pickle.dumps(Hostile())
    with pytest.raises(BadInput, match="dtype object is not taken"):
        NumpyNdarray("object").decode(body, NPY)
    assert not canary.exists()


def test_enforced_dtype_and_shape_hold_for_every_format():
    descriptor = NumpyNdarray("int8", enforce_dtype=True, shape=(-1, 2), enforce_shape=True)
    assert descriptor.decode(npy(np.array([[1.0, 2.0]])), NPY).dtype == np.int8
    for array, field in ((np.array([[1, 300]]), "$[0][1]"), (np.array([1, 2]), "$"), (np.array([[True, False]]), "$")):
        with pytest.raises(BadInput) as caught:
            descriptor.decode(npy(array), NPY)
        assert caught.value.field == field
    with pytest.raises(BadInput, match="the body has 3 bytes") as caught:
        descriptor.decode(b"abc", RAW)
    assert caught.value.expected == "a multiple of 2 bytes: int8, little-endian, shape (-1, 2)"
    with pytest.raises(BadInput, match="neither 0 nor 1"):
        NumpyNdarray("bool", shape=(2,)).decode(b"\1\2", RAW)


def test_soft_dtypes_and_shapes_convert_what_they_can_in_every_format():
    descriptor = NumpyNdarray("float32", shape=(-1, 2))
    assert descriptor.decode(npy(np.array([1, 2, 3, 4])), NPY).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert descriptor.decode(npy(np.array(["x"])), NPY).tolist() == ["x"]


@pytest.mark.parametrize(
    ("descriptor", "why"),
    [
        (NumpyNdarray(), "neither dtype nor shape"),
        (NumpyNdarray("float32"), "neither dtype nor shape"),
        (NumpyNdarray("float32", shape=(-1, -1)), "more than one axis"),
        (NumpyNdarray("float32", shape=(-1, 0)), "more than one axis"),
        (NumpyNdarray("U4", shape=(2,)), "hold numbers and booleans"),
    ],
)
def test_raw_bytes_that_make_no_array_are_refused_with_the_reason(descriptor, why):
    assert RAW not in descriptor.media_types
    for content_type in (RAW, RAW.upper() + "; x=1"):
        with pytest.raises(UnsupportedMediaType, match=why) as caught:
            descriptor.decode(b"", content_type)
        assert caught.value.expected == "application/json or application/x-npy"


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", JSON),
        ("*/*", JSON),
        (NPY, NPY),
        (RAW, RAW),
        ("application/json;q=0.5, application/x-npy", NPY),
        ("image/png", JSON),
    ],
)
def test_the_accept_header_chooses_the_format_of_the_answer(accept, answered):
    array = np.array([[1, 2]], np.int32)
    descriptor = NumpyNdarray("int32", shape=(-1, 2))
    encoded = descriptor.encode(array, accept)
    assert encoded.content_type == answered
    assert descriptor.decode(encoded.body, encoded.content_type).tolist() == [[1, 2]]


def test_an_answer_of_another_dtype_or_shape_is_never_written_as_raw_bytes():
    descriptor = NumpyNdarray("int32", shape=(-1, 2))
    for array in (np.array(["x", "y"]), np.arange(3, dtype=np.int32)):
        assert descriptor.encode(array, RAW).content_type == JSON


def test_objects_are_not_written_as_npy():
    with pytest.raises(InvalidArgument, match="cannot be written as npy"):
        NumpyNdarray("object").encode(np.array([{}]), NPY)


@pytest.mark.parametrize(
    ("descriptor", "fragment"),
    [
        (NumpyNdarray(), {"type": "array", "items": {}}),
        (NumpyNdarray("int8"), {"type": "array", "items": {}}),
        (NumpyNdarray("uint8", shape=(3,)), {"type": "array", "items": {"type": "integer"}}),
        (NumpyNdarray(shape=(3,)), {"type": "array", "items": {"type": "object"}}),
        (NumpyNdarray("bool", shape=(3,)), {"type": "array", "items": {"type": "object"}}),
        (NumpyNdarray("complex64", shape=(-1,)), {"type": "array", "items": {"type": "number"}}),
        *(
            (
                NumpyNdarray("float32", enforce_dtype=True, shape=shape, enforce_shape=True),
                {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            )
            for shape in ((-1, 4), (2, 3, 4))
        ),
    ],
)
def test_the_fragments_of_openapi_are_those_of_the_reference(descriptor, fragment):
    assert descriptor.openapi_schema_type() == fragment
    assert descriptor.openapi_request_schema() == {JSON: {"schema": fragment}}
    assert descriptor.openapi_responses_schema() == {JSON: {"schema": fragment}}


def test_the_documentation_lists_every_media_type():
    descriptor = NumpyNdarray("float32", shape=(-1, 4))
    for content in (descriptor.openapi_request_content(), descriptor.openapi_responses_content()):
        assert list(content) == [JSON, NPY, RAW]
        assert content[NPY] == content[RAW] == {"schema": {"type": "string", "format": "binary"}}
    assert list(NumpyNdarray().openapi_request_content()) == [JSON, NPY]


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (np.ndarray, "NumpyNdarray()"),
        (npt.NDArray[np.float32], "NumpyNdarray(dtype='float32')"),
        (np.ndarray[Any, np.dtype[np.int64]], "NumpyNdarray(dtype='int64')"),
        (npt.NDArray[Any], "NumpyNdarray()"),
        (npt.NDArray[np.floating], "NumpyNdarray()"),
    ],
)
def test_an_annotation_declares_the_dtype(annotation, text):
    assert repr(NumpyNdarray.from_annotation(annotation)) == text


class TestRawNumpyNdarray(DescriptorTests):
    def descriptor(self):
        return NumpyNdarray("float64", enforce_dtype=True, shape=(-1, 2), enforce_shape=True)

    def values(self):
        return [np.zeros((0, 2)), np.array([[0.1, math.nan], [1e308, -0.0]])]

    def same(self, left, right):
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=True)
