from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jubako.errors import InvalidArgument
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.testing import PayloadTypeTests
from jubako.testing.serializer_tests import pickles_that_create
from jubako.values.payload import EncodedPayload

TABLE = PayloadTable(compose(candidates=()))


class TestNdarray(PayloadTypeTests):
    name = "ndarray"
    axes = (0, 1)

    def batches(self):
        return [np.arange(9.0).reshape(3, 3), -np.arange(9.0).reshape(3, 3)]

    def misfits(self):
        return [
            np.zeros((4, 4)),
            np.zeros((3, 3), np.float32),
            np.zeros((3, 3, 1)),
            np.array([[1, "a"], [None, 2]], dtype=object),
            np.array([["a", "bc"], ["d", "e"]]),
            np.zeros((2, 2), "datetime64[s]"),
            np.zeros((2, 2), np.complex64),
        ]

    def same(self, left, right):
        return type(left) is type(right) and left.dtype == right.dtype and np.array_equal(left, right)


class TestDataFrame(PayloadTypeTests):
    name = "dataframe"

    def batches(self):
        frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, np.nan]}, index=[7, 8])
        return [frame, frame.iloc[::-1]]

    def misfits(self):
        return [
            pd.DataFrame({"a": [1, 2]}),
            pd.DataFrame({"a": [1.0, 2.0]}),
            pd.DataFrame({"a": pd.Categorical(["u", "v"])}),
            pd.DataFrame({"a": pd.Categorical(["u", "w"])}),
        ]

    def same(self, left, right):
        pd.testing.assert_frame_equal(left, right)
        return True


class TestDataFrameOfOneDtype(TestDataFrame):
    def batches(self):
        first = pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=["a", "b"])
        return [first, first + 10, first.set_index(pd.Index([5, 6, 7]))]


class TestSeries(PayloadTypeTests):
    name = "series"

    def batches(self):
        return [pd.Series([1.5, 2.5], name="y"), pd.Series([3.5, 4.5, 5.5], name="y")]

    def misfits(self):
        return [pd.Series([1, 2], name="y"), pd.Series([1.5, 2.5], name="z")]

    def same(self, left, right):
        pd.testing.assert_series_equal(left, right)
        return True


class TestList(PayloadTypeTests):
    name = "list"

    def batches(self):
        return [
            [1, "two", None, {"three": [3.0, True]}],
            [b"raw", b"bytes"],
            [{1, 2}, 2**70, float("inf"), "\ud800"],
            [[1, 2], [3]],
        ]


class TestTuple(PayloadTypeTests):
    name = "tuple"

    def batches(self):
        return [(np.arange(2), ["a", "b"]), (np.arange(2, 4), ["c", "d"])]

    def misfits(self):
        return [(np.arange(2),), (np.arange(2.0), ["a", "b"])]

    def same(self, left, right):
        return isinstance(left, tuple) and np.array_equal(left[0], right[0]) and left[1:] == right[1:]


class TestDict(PayloadTypeTests):
    name = "dict"

    def batches(self):
        return [{"n": np.arange(2), "s": ["a", "b"]}, {"n": np.arange(2, 4), "s": ["c", "d"]}]

    def misfits(self):
        return [{"n": np.arange(2)}, {"n": np.arange(2.0), "s": ["a", "b"]}, {"m": np.arange(2), "s": ["a", "b"]}]

    def same(self, left, right):
        return type(left) is dict and repr(left) == repr(right)


class TestDictOfOtherNames(TestDict):
    def batches(self):
        return [{1: ["a", "b"], "two\n": [{1}, 2]}, {1: ["c", "d"], "two\n": [3, 4]}]

    def misfits(self):
        return []


@given(
    hnp.arrays(st.sampled_from([np.float32, np.int64, np.uint8, np.bool_]), hnp.array_shapes(min_dims=1, max_dims=3))
)
def test_any_array_is_given_back_by_its_layout(array):
    payload = TABLE.for_value(array)
    encoded = payload.encode(array)
    back = payload.decode(EncodedPayload("ndarray", encoded.header, tuple(bytes(part) for part in encoded.buffers)))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@given(st.data())
def test_a_row_of_joined_arrays_is_the_single_that_was_given(data):
    axis = data.draw(st.integers(0, 2))
    singles = data.draw(st.lists(hnp.arrays(np.int32, (2, 3)), min_size=2, max_size=5))
    payload = TABLE.for_value(singles[0])
    joined = payload.join([payload.from_single(single, axis) for single in singles], axis)
    for index, single in enumerate(singles):
        np.testing.assert_array_equal(payload.row(joined, index, axis), single)


@pytest.mark.parametrize("name", ["ndarray", "list", "tuple", "dict", "scalar", "dataframe", "series"])
@pytest.mark.parametrize("header", [{}, {"layout": "json"}, {"layout": "tree"}, {"dtype": "O", "shape": [1]}])
def test_bytes_that_do_not_say_that_they_are_a_pickle_are_never_unpickled(tmp_path, name, header):
    for pickled in pickles_that_create(tmp_path / "canary"):
        # Whatever it raises ends the call: what is to be seen is that nothing ran.
        with contextlib.suppress(Exception):
            TABLE.named(name).decode(EncodedPayload(name, header, (pickled,)))
    assert not (tmp_path / "canary").exists()


def test_arrays_are_laid_out_without_a_pickle_and_share_memory():
    array = np.arange(4.0)
    encoded = TABLE.for_value(array).encode(array)
    assert np.shares_memory(np.frombuffer(encoded.buffers[0], np.uint8), array)


def test_subclasses_of_a_type_are_taken_by_it_and_arrays_of_them_never_joined():
    masked = np.ma.masked_array([[1, 2]], mask=[[True, False]])
    payload = TABLE.for_value(masked)
    assert payload.name == "ndarray"
    assert payload.fit_key(masked, 0) != payload.fit_key(masked, 0)


@pytest.mark.parametrize("value", [3, 2.5, "text", b"bytes", None, {"a": 1}, object(), np.float64(2.0)])
def test_any_other_value_is_a_row_of_a_list_and_no_batch(value):
    payload = TABLE.for_value(value)
    assert payload.from_single(value, 0) == [value]
    assert not payload.is_batch(value)
    with pytest.raises(InvalidArgument, match="is no batch"):
        payload.count_rows(value, 0)


def test_a_series_is_one_row_of_a_frame_with_the_values_own_types():
    frame = TABLE.for_value(pd.Series()).from_single(pd.Series({"a": 1, "b": "x"}), 0)
    assert frame.to_dict("records") == [{"a": 1, "b": "x"}]
    assert frame["a"].dtype.kind == "i"


def test_a_frame_of_several_rows_is_no_single():
    frame = pd.DataFrame({"a": [1, 2]})
    with pytest.raises(InvalidArgument, match="run takes one row, and the frame has 2"):
        TABLE.for_value(frame).from_single(frame, 0)


@pytest.mark.parametrize("value", [[1], pd.DataFrame({"a": [1]}), pd.Series([1])])
def test_lists_and_frames_have_rows_along_axis_zero_only(value):
    with pytest.raises(InvalidArgument, match="axis 0 only, not 1"):
        TABLE.for_value(value).count_rows(value, 1)


def test_an_array_without_the_axis_is_refused():
    with pytest.raises(InvalidArgument, match=r"shape \(3,\) has no rows along axis 1"):
        TABLE.for_value(np.zeros(3)).count_rows(np.zeros(3), 1)


def test_dictionaries_of_other_names_are_not_joined():
    with pytest.raises(InvalidArgument, match=r"with \['a'\] cannot be joined with one with \['b'\]"):
        TABLE.for_value({}).join([{"a": [1]}, {"b": [1]}], 0)


def test_parts_of_a_tuple_must_have_the_same_rows():
    with pytest.raises(InvalidArgument, match=r"2 parts of a tuple have \[1, 2\] rows"):
        TABLE.for_value(()).count_rows(([1], [1, 2]), 0)
