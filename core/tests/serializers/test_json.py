from __future__ import annotations

import collections
import enum
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import InvalidArgument, InvalidManifest
from jubako.serializers.json import JsonSerializer
from jubako.testing.serializer_tests import SerializerTests


class Colour(enum.IntEnum):
    RED = 1


class TestJson(SerializerTests):
    name = "json"

    def objects(self):
        return [
            {"weights": [0.1, -0.0, 1e300], "names": ["é", "\ud800", ""], "deep": [[[]]], "none": None},
            [1, True, 2**80],
            "text",
            3,
            0.5,
            False,
            None,
            {},
        ]

    def refused(self):
        deep = []
        deep.append(deep)
        return [
            (1, 2),
            [(1,)],
            {1: "a"},
            {"1": 1, 1: 1},
            {"a": {1, 2}},
            [math.nan],
            [math.inf],
            object(),
            [Colour.RED],
            collections.OrderedDict(a=1),
            deep,
            10**5000,
            b"bytes",
        ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=json_values)
def test_any_json_value_comes_back_equal(value, tmp_path_factory):
    folder = tmp_path_factory.mktemp("json")
    JsonSerializer().dump(value, folder)
    assert repr(JsonSerializer().load(folder)) == repr(value)


def test_the_error_says_where_the_object_would_change(tmp_path):
    with pytest.raises(InvalidArgument, match=r"\$\.a\[1\] is of type tuple, and would be read as list"):
        JsonSerializer().dump({"a": [1, (2,)]}, tmp_path)


@pytest.mark.parametrize("text", ["[NaN]", "-Infinity", "[1] [2]", "{'a': 1}", "[" * 100_000, "1" * 5000])
def test_what_is_no_json_is_refused(text, tmp_path):
    (tmp_path / "value.json").write_text(text)
    with pytest.raises(InvalidManifest, match=r"value\.json cannot be read as JSON"):
        JsonSerializer().load(tmp_path)
