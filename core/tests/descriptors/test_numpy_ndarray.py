from __future__ import annotations

import json
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from jubako.errors import BadInput, InvalidArgument, PayloadTooLarge, UnsupportedMediaType
from jubako.io import NumpyNdarray

JSON = "application/json"
PLAIN_DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
]


def refusal(descriptor, body):
    with pytest.raises(BadInput) as caught:
        descriptor.decode(body, JSON)
    return caught.value


@given(st.data())
def test_every_plain_array_comes_back_in_its_dtype_and_shape(data):
    dtype = data.draw(st.sampled_from(PLAIN_DTYPES))
    elements = {"allow_infinity": False} if dtype.startswith("float") else {}
    array = data.draw(arrays(dtype, array_shapes(max_dims=4, max_side=4), elements=elements))
    descriptor = NumpyNdarray.from_sample(array)
    back = descriptor.decode(descriptor.encode(array).body, JSON)
    assert back.dtype == array.dtype
    assert np.array_equal(back, array, equal_nan=dtype.startswith("float"))


@given(
    arrays(
        "U8",
        array_shapes(max_dims=2),
        elements=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    )
)
def test_every_array_of_text_comes_back(array):
    descriptor = NumpyNdarray()
    assert np.array_equal(descriptor.decode(descriptor.encode(array).body, JSON), array)


@given(arrays("float64", array_shapes(min_dims=2, max_dims=3), elements={"allow_nan": False, "allow_infinity": False}))
def test_arrays_of_any_layout_are_written_alike(array):
    descriptor = NumpyNdarray()
    swapped = array.astype(array.dtype.newbyteorder())
    strided = np.repeat(array, 2, axis=0)[::2]
    written = {descriptor.encode(a).body for a in (array, np.asfortranarray(array), swapped, strided)}
    assert len(written) == 1


def test_a_numpy_number_is_written_as_one_number():
    assert NumpyNdarray().encode(np.int64(2)).body == b"2"
    assert NumpyNdarray().encode(np.float32(0.5)).body == b"0.5"


def test_nan_and_infinities_are_written_as_null_and_null_is_read_as_nan():
    body = NumpyNdarray().encode(np.array([1.0, np.nan, np.inf])).body
    assert body == b"[1.0,null,null]"
    back = NumpyNdarray().decode(body, JSON)
    assert back[0] == 1.0
    assert math.isnan(back[1])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[[1,2],[3]]", "$[1]"),
        (b"[[1,2],3]", "$[1]"),
        (b"[1,[2]]", "$[1]"),
        (b"[[],[1]]", "$[1]"),
        (b'[[1,2],[3,"x"]]', "$[1][1]"),
        (b'["x",null]', "$[1]"),
        (b'[{"a":1}]', "$[0]"),
        (b"[[1,{}]]", "$[0][1]"),
        (b"{}", "$"),
        (b"null", "$"),
        (b"[1,\n2,x]", "line 2, column 3"),
    ],
)
def test_what_is_no_array_is_refused_with_its_place(body, field):
    error = refusal(NumpyNdarray(), body)
    assert error.field == field
    assert field in str(error)
    assert "Expected" in str(error)


def test_lists_nested_deeper_than_an_array_can_be_are_refused():
    assert "nested 65 deep" in str(refusal(NumpyNdarray(), b"[" * 65 + b"1" + b"]" * 65))
    assert NumpyNdarray().decode(b"[" * 64 + b"1" + b"]" * 64, JSON).ndim == 64


@pytest.mark.parametrize("values", [[0, 2**63 + 1], [[2**64 - 1], [1]], [2**64 - 1024, 2**63 - 1]], ids=str)
def test_whole_numbers_on_both_sides_of_the_largest_signed_one_are_read_exactly(values):
    array = np.array(values, dtype="uint64")
    descriptor = NumpyNdarray.from_sample(array)
    back = descriptor.decode(descriptor.encode(array).body, JSON)
    assert (back.dtype, back.tolist()) == (array.dtype, values)


@pytest.mark.parametrize("body", [b"[9223372036854775809, -1]", b"[1, 18446744073709551616]", b"[1, 1.5]"])
def test_numbers_that_are_no_unsigned_ones_are_refused_with_their_place(body):
    assert refusal(NumpyNdarray(dtype="uint64", enforce_dtype=True), body).field == "$[1]"


def test_a_mistake_far_behind_in_a_large_body_is_refused_in_little_time_and_memory():
    body = b"[" + b"1," * 3_000_000 + b"[]]"
    tracemalloc.start()
    error = refusal(NumpyNdarray(), body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.field == "$"
    # orjson's own list of the body takes 8 bytes an item, which tracemalloc counts too.
    assert peak < 100 * 2**20


def test_one_long_text_among_many_short_ones_takes_no_memory_for_all_of_them():
    body = b'["' + b"x" * 100_000 + b'"' + b',""' * 100_000 + b"]"
    with pytest.raises(PayloadTooLarge, match="room of the longest"):
        NumpyNdarray().decode(body, JSON)


@pytest.mark.parametrize(
    ("dtype", "body", "place"),
    [
        ("int8", b"[1, 300]", r"\$\[1\]"),
        ("int64", b"[1, 2.5]", r"\$\[1\]"),
        ("int64", b"[[1, 2], [3, null]]", r"\$\[1\]\[1\]"),
        ("int64", b"[9.3e18]", r"\$\[0\]"),
        ("int64", b"[99999999999999999999]", r"\$\[0\]"),
        ("uint8", b"[0, -1]", r"\$\[1\]"),
        ("float32", b"[1.0, 1e39]", r"\$\[1\]"),
        ("float64", b'["1.0"]', r"\$\[0\]"),
        ("bool", b"[0]", r"\$\[0\]"),
        ("U3", b'["abc", "abcd"]', r"\$\[1\]"),
        ("datetime64[D]", b'["2020-01-01", "soon"]', r"\$\[1\]"),
    ],
)
def test_values_that_an_enforced_dtype_cannot_hold_are_refused_with_their_place(dtype, body, place):
    descriptor = NumpyNdarray(dtype=dtype, enforce_dtype=True)
    with pytest.raises(BadInput, match=f"{place} does not fit dtype"):
        descriptor.decode(body, JSON)


@pytest.mark.parametrize(
    ("dtype", "body", "expected"),
    [
        ("float64", b"[1, 2]", [1.0, 2.0]),
        ("int64", b"[1.0, -2.0]", [1, -2]),
        ("int64", b"[-9223372036854775808]", [-(2**63)]),
        ("int8", b"[-128, 127]", [-128, 127]),
        ("bool", b"[true]", [True]),
        ("float16", b"[0.5]", [0.5]),
        ("complex128", b"[1.5]", [1.5]),
        ("int64", b"[]", []),
        ("U5", b'["abc"]', ["abc"]),
        ("datetime64[D]", b'["2020-01-01"]', [np.datetime64("2020-01-01")]),
        ("object", b'[{"a": 1}]', [{"a": 1}]),
    ],
)
def test_an_enforced_dtype_takes_every_value_that_it_can_hold(dtype, body, expected):
    array = NumpyNdarray(dtype=dtype, enforce_dtype=True).decode(body, JSON)
    assert array.dtype == np.dtype(dtype)
    assert array.tolist() == np.array(expected, dtype).tolist()


@pytest.mark.parametrize(
    ("dtype", "body", "expected"),
    [
        ("int64", b"[1.5]", np.array([1])),
        ("float64", b'["1.5"]', np.array([1.5])),
        ("int8", b"[300]", np.array([300])),
        ("int64", b"[1e300]", np.array([1e300])),
        ("float64", b'["soon"]', np.array(["soon"])),
        ("U2", b'["abc"]', np.array(["abc"])),
        ("float32", b"[1e39]", np.array([1e39])),
    ],
)
def test_a_dtype_that_is_not_enforced_converts_what_it_can_and_leaves_the_rest(dtype, body, expected):
    array = NumpyNdarray(dtype=dtype).decode(body, JSON)
    assert array.dtype in (expected.dtype, np.dtype(dtype))
    assert np.array_equal(array, expected)


def test_an_enforced_shape_is_met_or_refused():
    descriptor = NumpyNdarray(shape=(-1, 4), enforce_shape=True)
    assert descriptor.decode(b"[[1,2,3,4]]", JSON).shape == (1, 4)
    with pytest.raises(BadInput, match=r"shape \(1, 3\)") as caught:
        descriptor.decode(b"[[1,2,3]]", JSON)
    assert "(-1, 4)" in caught.value.expected


def test_a_shape_that_is_not_enforced_reshapes_what_it_can_and_leaves_the_rest():
    descriptor = NumpyNdarray(shape=(-1, 4))
    assert descriptor.decode(b"[1,2,3,4,5,6,7,8]", JSON).shape == (2, 4)
    assert descriptor.decode(b"[1,2,3]", JSON).shape == (3,)


def test_a_result_of_another_shape_than_enforced_is_the_services_fault():
    descriptor = NumpyNdarray(shape=(2,), enforce_shape=True)
    with pytest.raises(InvalidArgument, match=r"shape \(3,\)") as caught:
        descriptor.encode(np.zeros(3))
    assert not isinstance(caught.value, BadInput)


def test_a_result_that_is_no_array_says_what_to_return():
    with pytest.raises(InvalidArgument, match=r"returned list[\s\S]*numpy\.asarray"):
        NumpyNdarray().encode([1, 2])


def test_a_sample_describes_its_dtype_and_shape():
    descriptor = NumpyNdarray.from_sample(np.zeros((2, 2), np.int8))
    assert repr(descriptor) == "NumpyNdarray(dtype='int8', enforce_dtype=True, shape=(2, 2), enforce_shape=True)"
    with pytest.raises(BadInput):
        descriptor.decode(b"[[1,2]]", JSON)
    with pytest.raises(BadInput):
        descriptor.decode(b"[[1,2],[3,400]]", JSON)
    with pytest.raises(InvalidArgument, match="not list"):
        NumpyNdarray.from_sample([1])


@pytest.mark.parametrize(
    "arguments",
    [
        {"dtype": "nonsense"},
        {"dtype": "V8"},
        {"shape": (1.5,)},
        {"shape": (-2,)},
        {"enforce_dtype": True},
        {"enforce_shape": True},
    ],
)
def test_arguments_that_describe_nothing_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        NumpyNdarray(**arguments)


def test_the_schema_nests_to_the_shape():
    schema = NumpyNdarray(dtype="float32", shape=(-1, 4), enforce_shape=True).openapi_schema()
    inner = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
    assert schema == {"type": "array", "items": inner}
    assert NumpyNdarray().openapi_schema() == {"type": "array", "items": {}}
    assert NumpyNdarray(dtype=int, shape=(3,)).openapi_schema() == {"type": "array", "items": {"type": "integer"}}


def test_the_schema_of_an_enforced_dtype_says_what_it_can_hold():
    def values(dtype):
        return NumpyNdarray(dtype, enforce_dtype=True, shape=(), enforce_shape=True).openapi_schema()

    assert values("U3") == {"type": "string", "maxLength": 3}
    assert values("int8") == {"type": "integer", "minimum": -128, "maximum": 127}
    assert values("float64") == {"type": ["number", "null"]}
    largest = float(np.finfo("f4").max)
    assert values("float32") == {"type": ["number", "null"], "minimum": -largest, "maximum": largest}
    assert values("object") == {}


def test_the_schema_of_an_answer_knows_null_and_single_values():
    for descriptor, expected in (
        (NumpyNdarray(), {"type": ["array", "boolean", "null", "number", "string"]}),
        (NumpyNdarray("float64"), {"type": ["array", "number", "null"]}),
        (NumpyNdarray("object"), {}),
        (NumpyNdarray("int8", enforce_dtype=True), {"type": ["array", "integer"], "minimum": -128, "maximum": 127}),
        (NumpyNdarray("float64", shape=(2,)), {"type": "array", "items": {"type": ["number", "null"]}}),
    ):
        assert descriptor.openapi_responses_content()[JSON] == {"schema": expected}


@pytest.mark.parametrize("content_type", ["", JSON, "application/json; charset=utf-8", "application/vnd.api+json"])
def test_json_and_no_content_type_are_taken(content_type):
    assert NumpyNdarray().decode(b"[1]", content_type).tolist() == [1]


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=latin-1", "json", "a+json"],
)
def test_other_content_types_are_refused_with_the_header_to_send(content_type):
    with pytest.raises(UnsupportedMediaType, match="Content-Type: application/json"):
        NumpyNdarray().decode(b"[1]", content_type)


@pytest.mark.parametrize("value", ["99999999999999-01-01", "-99999999999999-01-01", "2300-01-01", "1600-01-01"])
def test_a_date_that_the_unit_has_no_room_for_is_refused(value):
    unit = "M8[ns]" if len(value) == 10 else "M8[s]"
    with pytest.raises(BadInput, match=r"the value at \$\[1\] does not fit"):
        NumpyNdarray(unit, enforce_dtype=True).decode(json.dumps(["2020-01-02", value]).encode(), "")


def test_dates_in_all_units_come_as_they_are():
    for unit in ("Y", "M", "W", "D", "h", "s", "ns"):
        array = NumpyNdarray(f"M8[{unit}]", enforce_dtype=True).decode(b'["2020-01-02", "NaT", "1969-12-31"]', "")
        np.testing.assert_array_equal(array, np.array(["2020-01-02", "NaT", "1969-12-31"], dtype=f"M8[{unit}]"))


@pytest.mark.parametrize("dtype", ["int64", "float32", None])
@pytest.mark.parametrize("body", [b"[true, 1.5]", b"[[1, 2], [3, false]]"])
def test_booleans_among_numbers_are_no_numbers(dtype, body):
    with pytest.raises(BadInput, match=r"a boolean stands at|a number stands at"):
        NumpyNdarray(dtype).decode(body, "")


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "complex64"])
def test_booleans_are_no_numbers_where_these_are_enforced(dtype):
    with pytest.raises(BadInput, match="the array has booleans"):
        NumpyNdarray(dtype, enforce_dtype=True).decode(b"[true, false]", "")
    np.testing.assert_array_equal(NumpyNdarray(dtype).decode(b"[true, false]", ""), np.array([1, 0], dtype))
