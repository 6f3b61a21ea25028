from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import pathlib
import uuid
from typing import NamedTuple

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import BadInput, InvalidArgument
from jubako.io import JSON

MEDIA_TYPE = "application/json"
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
)


@attrs.frozen
class Point:
    x: int
    y: object = None


@dataclasses.dataclass
class Pair:
    left: int
    right: object


def written(value):
    return json.loads(JSON().encode(value).body)


@given(VALUES)
def test_every_json_value_comes_back(value):
    descriptor = JSON()
    assert descriptor.decode(descriptor.encode(value).body, MEDIA_TYPE) == value


@given(st.binary())
def test_what_python_cannot_read_as_json_is_refused(body):
    try:
        json.loads(body.decode("utf-8"))
    except ValueError:
        with pytest.raises(BadInput):
            JSON().decode(body, MEDIA_TYPE)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"a": 1, "a": 2}', "the name 'a'"),
        (b'{"a": 1, "\\u0061": 2}', "the name 'a'"),
        (b'[[{"x": {"b": ":", "b": ":"}}]]', "the name 'b'"),
        (b'{"": {}, "": {}}', "the name ''"),
        (b'{"a":' * 1000 + b'{"b":1,"b":2}' + b"}" * 1000, "(a name|the name 'b')"),
    ],
)
def test_a_name_that_stands_twice_in_one_object_is_refused(body, named):
    with pytest.raises(BadInput, match=f"{named} stands twice in one object"):
        JSON().decode(body, "")


# Texts full of what tells names from other texts.
TRICKY = st.text(st.sampled_from('":\\{}[], \n\u0439a'), max_size=8)
TRICKY_VALUES = st.recursive(
    st.none() | TRICKY, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TRICKY, inner, max_size=4)
)


@given(TRICKY_VALUES, st.sampled_from([(",", ":"), (" ,\n", "\t : ")]), st.booleans())
def test_names_that_differ_are_never_taken_for_equal(value, separators, escapes):
    body = json.dumps(value, separators=separators, ensure_ascii=escapes).encode()
    assert JSON().decode(body, "") == value


@given(TRICKY, TRICKY_VALUES, st.lists(TRICKY_VALUES, max_size=2))
def test_equal_names_are_found_wherever_they_stand(name, value, before):
    pair = f"{json.dumps(name)}:{json.dumps(value)}"
    body = f"{json.dumps(before)[:-1]}{',' if before else ''}{{{pair},{pair}}}]".encode()
    with pytest.raises(BadInput, match="stands twice"):
        JSON().decode(body, "")


def test_a_refusal_names_line_and_column():
    with pytest.raises(BadInput, match="not JSON") as caught:
        JSON().decode(b'{"a": 1,\n "b": nope}', "")
    assert caught.value.field.startswith("line 2, column")


def test_results_may_hold_records_arrays_dates_and_other_keys_than_text():
    day = dt.date(2020, 1, 2)
    number = uuid.UUID(int=1)
    value = {"p": Point(1, Pair(2, np.arange(3))), 4: np.float32(0.5), "d": day, "u": number, "t": (1, 2)}
    assert written(value) == {
        "p": {"x": 1, "y": {"left": 2, "right": [0, 1, 2]}},
        "4": 0.5,
        "d": "2020-01-02",
        "u": str(number),
        "t": [1, 2],
    }


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((2, 4))[:, ::2], [[0.0, 0.0], [0.0, 0.0]]),
        (np.array(3), 3),
        (np.arange(2, dtype=">i4"), [0, 1]),
        (np.array(["a"]), ["a"]),
        (np.array([None, {"a": 1}], dtype=object), [None, {"a": 1}]),
        (np.array(["2020-01-01"], "datetime64[D]"), ["2020-01-01T00:00:00"]),
        (np.array([0.5], np.longdouble), [0.5]),
    ],
)
def test_arrays_of_every_kind_that_json_has_are_written(array, expected):
    assert written({"a": array}) == {"a": expected}


def test_nan_is_written_as_null():
    assert JSON().encode([float("nan"), float("-inf")]).body == b"[null,null]"


def test_frames_and_series_are_written_as_their_dictionaries():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    assert written(frame) == {"a": {"0": 1, "1": 2}, "b": {"0": 0.5, "1": 1.5}}
    assert written(frame["a"]) == {"0": 1, "1": 2}


def test_what_cannot_be_written_is_named():
    with pytest.raises(InvalidArgument, match=r"builtins\.object") as caught:
        JSON().encode({"a": object()})
    assert not isinstance(caught.value, BadInput)


def test_tuples_sets_decimals_paths_dates_uuids_and_enum_members_are_written():
    class Size(NamedTuple):
        width: int

    class Colour(enum.Enum):
        RED = "red"

    class Stamp(dt.datetime):
        """As pandas' timestamps are: of a subclass."""

    value = {
        "tuple": (1, Size(2)),
        "set": {3},
        "decimal": [decimal.Decimal("1.10"), decimal.Decimal("NaN")],
        "path": pathlib.PurePosixPath("a/b"),
        "date": [dt.date(2020, 1, 2), Stamp(2020, 1, 2)],
        "uuid": uuid.UUID(int=1),
        "enum": Colour.RED,
    }
    assert written(value) == {
        "tuple": [1, [2]],
        "set": [3],
        "decimal": ["1.10", None],
        "path": "a/b",
        "date": ["2020-01-02", "2020-01-02T00:00:00"],
        "uuid": "00000000-0000-0000-0000-000000000001",
        "enum": "red",
    }


def test_pandas_times_and_missing_values_are_written():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"t": pandas.to_datetime(["2020-01-02", None]), "n": pandas.array([1, None], "Int64")})
    assert written(frame) == {"t": {"0": "2020-01-02T00:00:00", "1": None}, "n": {"0": 1, "1": None}}


@given(st.recursive(st.integers(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_whole_numbers_of_any_length_are_written_with_every_digit(value):
    assert json.loads(JSON().encode(value).body) == value


def test_long_numbers_stand_beside_whatever_else_is_written():
    @dataclasses.dataclass
    class Row:
        count: int
        _hidden: int = 0

    value = {
        "rows": [Row(2**70), (1, {2**65}), np.array([float("nan"), 1])],
        2**66: [*range(600), 2**64],
        "none": [float("nan"), float("-inf"), None, True],
        "day": dt.date(2020, 2, 29),
        "exact": decimal.Decimal("1.50"),
    }
    assert json.loads(JSON().encode(value).body) == {
        "rows": [{"count": 2**70}, [1, [2**65]], [None, 1]],
        str(2**66): [*range(600), 2**64],
        "none": [None, None, None, True],
        "day": "2020-02-29",
        "exact": "1.50",
    }


@pytest.mark.parametrize("opened", [b"[", b'{"a":'])
def test_what_is_read_can_be_written_however_deep_it_is(opened):
    levels = 1000
    body = opened * levels + b"1" + (b"]" if opened == b"[" else b"}") * levels
    # Not compared as values: Python itself gives up at some depth.
    assert JSON().encode(JSON().decode(body, MEDIA_TYPE)).body == body


@pytest.mark.parametrize(
    ("value", "named"),
    [({"a": 2**70, "b": "\ud800"}, "surrogates"), ({(1, 2): 2**70}, "(1, 2)"), ([2**70, object()], "builtins.object")],
)
def test_beside_a_long_number_what_cannot_be_written_is_named(value, named):
    with pytest.raises(InvalidArgument, match="cannot be written as JSON") as caught:
        JSON().encode(value)
    assert named in caught.value.why


def test_a_result_that_contains_itself_is_an_error():
    cycle: list = []
    cycle.append(cycle)
    with pytest.raises(InvalidArgument):
        JSON().encode(cycle)


class Shouting(json.JSONEncoder):
    def default(self, value):
        return "SET" if isinstance(value, set) else super().default(value)


def test_an_encoder_of_the_users_own_writes_the_results():
    descriptor = JSON(json_encoder=Shouting)
    assert descriptor.encode({"a": {1}, "b": "Ä"}).body == '{"a":"SET","b":"Ä"}'.encode()
    for wrong in (float("nan"), object()):
        with pytest.raises(InvalidArgument):
            descriptor.encode(wrong)


@pytest.mark.parametrize("arguments", [{"json_encoder": Shouting()}, {"json_encoder": int}, {"pydantic_model": dict}])
def test_arguments_that_are_no_encoder_or_model_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        JSON(**arguments)
