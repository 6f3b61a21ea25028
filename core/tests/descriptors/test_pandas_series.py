from __future__ import annotations

import json

import jsonschema_rs
import pytest

pd = pytest.importorskip("pandas")

from jubako.errors import BadInput, InvalidArgument, UnsupportedMediaType  # noqa: E402 pandas may be missing
from jubako.io import PandasSeries  # noqa: E402
from jubako.testing import DescriptorTests  # noqa: E402

JSON = "application/json"


def read(descriptor, value):
    return descriptor.decode(json.dumps(value).encode(), JSON)


class TestPandasSeries(DescriptorTests):
    def descriptor(self):
        return PandasSeries()

    def values(self):
        return [
            pd.Series([1, 2]),
            pd.Series([0.5, None]),
            pd.Series(["x", "Ä"]),
            pd.Series([True]),
            pd.Series([None, 1e300]),
        ]

    def refused_bodies(self):
        return [b"", b"{}", b"1", b"null", b'[{"a":1,"b":2}]', b"[NaN]", b"\xff"]

    def refused_values(self):
        return [[1], None, pd.DataFrame({"a": [1]}), pd.Series([1j])]

    def same(self, left, right):
        return left.equals(right)


class TestDeclaredPandasSeries(TestPandasSeries):
    def descriptor(self):
        return PandasSeries("split", dtype="int8", enforce_dtype=True, shape=(2,), enforce_shape=True)

    def values(self):
        return [pd.Series([1, 2], dtype="int8", index=["r", "s"], name="a")]

    def refused_bodies(self):
        return [b"[]", b'{"data":[1]}', b'{"data":[1,300]}', b'{"data":[1,2],"name":[]}', b'{"data":[1,2],"x":1}']

    def refused_values(self):
        return [pd.Series([1]), pd.Series([1, 300])]


@pytest.mark.parametrize("orient", ["records", "split", "index", "values", "table"])
def test_what_pandas_writes_is_read_and_what_is_written_pandas_writes(orient):
    series = pd.Series([0.5, 1.5], index=["r", "s"], name="a")
    text = series.to_json(orient="records" if orient == "values" else orient)
    back = PandasSeries(orient).decode(text.encode(), "")
    assert back.tolist() == [0.5, 1.5]
    assert list(back.index) == ([0, 1] if orient in ("records", "values") else ["r", "s"])
    if orient != "table":
        assert json.loads(PandasSeries(orient).encode(series).body) == json.loads(text)


def test_records_of_one_name_are_a_series_of_that_name():
    series = read(PandasSeries(), [{"a": 1}, {"a": 2}])
    assert series.tolist() == [1, 2]
    assert series.name == "a"


@pytest.mark.parametrize(
    ("orient", "value", "field"),
    [
        ("records", {"a": 1}, "$"),
        ("records", [{"a": 1}, {"b": 2}], "$"),
        ("index", [1], "$"),
        ("split", {"index": [1]}, "$.data"),
        ("split", {"data": [1], "name": True}, "$.name"),
        ("table", {"schema": {"fields": [{"name": n, "type": "any"} for n in "ab"]}, "data": []}, "$.schema"),
    ],
)
def test_a_body_of_another_form_is_refused_with_its_place(orient, value, field):
    with pytest.raises(BadInput) as caught:
        read(PandasSeries(orient), value)
    assert caught.value.field == field
    assert caught.value.expected


def test_an_enforced_dtype_refuses_what_it_cannot_hold():
    with pytest.raises(BadInput, match=r"the value at \$\[1\] does not fit dtype int8") as caught:
        read(PandasSeries(dtype="int8", enforce_dtype=True), [1, 300])
    assert caught.value.field == "$[1]"
    assert read(PandasSeries(dtype={"a": "float32"}), ["1.5"]).tolist() == [1.5]
    assert read(PandasSeries(dtype="float32"), ["x"]).tolist() == ["x"]


def test_a_sample_describes_its_dtype():
    descriptor = PandasSeries.from_sample(pd.Series([1, 2], dtype="int16"))
    assert repr(descriptor) == "PandasSeries(orient='records', dtype='int16', enforce_dtype=True, shape=(-1,))"
    assert read(descriptor, [1, 2, 3]).dtype == "int16"
    with pytest.raises(BadInput, match="has 3 values"):
        read(PandasSeries.from_sample(pd.Series([1, 2]), enforce_shape=True), [1, 2, 3])
    with pytest.raises(InvalidArgument, match="not list"):
        PandasSeries.from_sample([1])


@pytest.mark.parametrize(
    "arguments",
    [
        {"orient": "columns"},
        {"dtype": "nonsense"},
        {"dtype": {"a": "int8", "b": "int8"}},
        {"enforce_dtype": True},
        {"enforce_shape": True},
        {"shape": (1, 2)},
    ],
)
def test_arguments_that_describe_nothing_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        PandasSeries(**arguments)


def test_only_json_is_taken():
    with pytest.raises(UnsupportedMediaType, match="application/json"):
        PandasSeries().decode(b"a\n1\n", "text/csv")


def test_the_fragments_of_openapi_are_those_of_the_reference():
    assert PandasSeries().openapi_request_schema() == {JSON: {"schema": {"type": "object"}}}
    fragment = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}
    descriptor = PandasSeries(dtype={"a": "int64"})
    assert descriptor.openapi_schema_type() == fragment
    assert descriptor.openapi_responses_schema() == {JSON: {"schema": fragment}}


@pytest.mark.parametrize("orient", ["records", "split", "index", "values", "table"])
def test_the_documentation_describes_what_is_taken(orient):
    descriptor = PandasSeries(orient, dtype="int64", enforce_dtype=True, shape=(2,), enforce_shape=True)
    schema = descriptor.openapi_responses_content()[JSON]["schema"]
    jsonschema_rs.validator_for(schema).validate(json.loads(descriptor.encode(pd.Series([1, 2])).body))
