"""`JSON(model=…)` with types that are none of pydantic's."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import uuid
from dataclasses import InitVar, dataclass, field
from typing import Any, Literal, NamedTuple, NewType, NotRequired, TypedDict

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import BadInput, InvalidArgument
from jubako.io import JSON


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


@attrs.frozen
class Leaf:
    size: int = attrs.field(validator=attrs.validators.ge(0))
    _note: str = "none"


@dataclass
class Flower:
    """One flower."""

    name: str
    leaves: list[Leaf] = field(default_factory=list)
    parent: Flower | None = None
    colour: Colour = Colour.RED
    height: float = 1.5
    tags: set[str] = field(default_factory=set)


class Vase(TypedDict):
    flowers: dict[str, Flower]
    place: NotRequired[tuple[int, int]]


UserId = NewType("UserId", int)


def decode(model, value):
    return JSON(model=model).decode(json.dumps(value).encode(), "application/json")


def encode(value):
    return json.loads(JSON().encode(value).body)


def refused(model, value):
    with pytest.raises(BadInput) as caught:
        decode(model, value)
    return caught.value


def test_records_are_made_of_objects_at_every_depth():
    body = {"name": "iris", "leaves": [{"size": 3, "_note": "green"}], "parent": {"name": "old", "colour": 2}}
    assert decode(Flower, body) == Flower(
        "iris", [Leaf(3, "green")], parent=Flower("old", colour=Colour.BLUE), colour=Colour.RED
    )


def test_what_is_read_comes_back_from_what_is_written():
    flower = Flower("iris", [Leaf(1)], Flower("old"), Colour.BLUE, 2.0, {"wet"})
    assert decode(Flower, encode(flower)) == flower
    assert decode(Vase, encode({"flowers": {"a": flower}})) == {"flowers": {"a": flower}}


@pytest.mark.parametrize(
    ("model", "value", "expected"),
    [
        (int, 3.0, 3),
        (float, 3, 3.0),
        (str, "3", "3"),
        (bool, False, False),
        (None, None, None),
        (Any, {"a": [1]}, {"a": [1]}),
        (list, [1, "a"], [1, "a"]),
        (dict, {"a": 1}, {"a": 1}),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (frozenset[int], [1, 1, 2], frozenset({1, 2})),
        (int | None, None, None),
        (int | str, "a", "a"),
        (list[int] | list[str], ["a"], ["a"]),
        (Literal["a", 1], 1, 1),
        (Colour, "red", Colour.RED),
        (UserId, 7, 7),
        (dt.datetime, "2020-01-02T03:04:05Z", dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
        (dt.date, "2020-01-02", dt.date(2020, 1, 2)),
        (dt.time, "03:04", dt.time(3, 4)),
        (uuid.UUID, "12345678-1234-5678-1234-567812345678", uuid.UUID("12345678-1234-5678-1234-567812345678")),
        (decimal.Decimal, "1.10", decimal.Decimal("1.10")),
        (decimal.Decimal, 1.5, decimal.Decimal("1.5")),
    ],
)
def test_a_value_of_the_type_is_taken(model, value, expected):
    found = decode(model, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("model", "value", "field", "words"),
    [
        (int, "3", "$", "text stands where an integer is expected"),
        (int, True, "$", "a boolean stands where an integer"),
        (int, 1.5, "$", "a number stands where an integer"),
        (float, None, "$", "null stands where a number"),
        (str, 3, "$", "a number stands where text"),
        (list[int], [1, "a"], "$[1]", "text stands where an integer"),
        (list[int], {"a": 1}, "$", "an object stands where a list"),
        (tuple[int, str], [1], "$", "the list has 1 values"),
        (dict[str, int], {"a b": "x"}, "$['a b']", "text stands"),
        (dict[str, int], [], "$", "a list stands where an object"),
        (int | str, [], "$", "a list stands where an integer or text is expected"),
        (list[int] | None, [1, []], "$[1]", "a list stands where an integer"),
        (Literal["a", "b"], "c", "$", "a choice is expected"),
        (Literal[1], True, "$", "a choice"),
        (Colour, "green", "$", "a choice"),
        (dt.date, "yesterday", "$", "'yesterday' is not a date"),
        (dt.date, 5, "$", "a number stands where a date"),
        (decimal.Decimal, "NaN", "$", "not finite"),
        (decimal.Decimal, "x", "$", "no decimal number"),
        (set[Any], [[1]], "$", "cannot be made a set"),
        (Flower, {}, "$.name", "it is missing"),
        (Flower, [], "$", "a list stands where an object with the names of Flower"),
        (Flower, {"name": "a", "leaves": [{"size": 1}, {"size": "x"}]}, "$.leaves[1].size", "text stands"),
        (Flower, {"name": "a", "leaves": [{"size": -1}]}, "$.leaves[0]", "Leaf refuses it"),
        (Flower, {"name": "a", "parent": {"name": 3}}, "$.parent.name", "a number stands where text"),
        (Vase, {"place": [1, 2]}, "$.flowers", "missing"),
    ],
)
def test_another_value_is_refused_with_its_place_and_what_was_expected(model, value, field, words):
    error = refused(model, value)
    assert error.field == field
    assert words in error.message
    assert error.expected


def test_names_that_are_unknown_are_passed_over():
    assert decode(Leaf, {"size": 1, "weight": 3}) == Leaf(1)


def test_without_validation_the_plain_value_is_given():
    assert JSON(model=Flower, validate_json=False).decode(b"[1]", "") == [1]


def test_alternatives_within_alternatives_end_in_time():
    @dataclass
    class Left:
        child: Left | Right | int

    @dataclass
    class Right:
        child: Left | Right | int

    # Resolved by hand, for the classes are local.
    Left.__annotations__["child"] = Right.__annotations__["child"] = Left | Right | int
    body = b'{"child":' * 80 + b'"x"' + b"}" * 80
    with pytest.raises(BadInput, match="too many alternatives"):
        JSON(model=Left).decode(body, "")


def test_a_value_that_is_nested_too_deep_for_its_type_is_refused():
    body = b'{"name":"a","parent":' * 500 + b"null" + b"}" * 500
    with pytest.raises(BadInput, match="nested too deep"):
        JSON(model=Flower).decode(body, "")


class Pair(NamedTuple):
    a: int


@dataclass
class Unclear:
    seed: InitVar[int]


@dataclass
class WithArray:
    values: np.ndarray


@pytest.mark.parametrize("model", [complex, bytes, Pair, Unclear, dict[int, str], list[complex], WithArray, object()])
def test_a_type_that_json_has_nothing_for_is_refused_when_the_api_is_defined(model):
    with pytest.raises(InvalidArgument):
        JSON(model=model)


def test_a_field_that_json_has_nothing_for_is_named():
    with pytest.raises(InvalidArgument, match=r"WithArray\.values: ndarray has no form in JSON"):
        JSON(model=WithArray)


def test_two_models_are_one_too_many():
    pydantic = pytest.importorskip("pydantic")
    with pytest.raises(InvalidArgument, match="two models"):
        JSON(pydantic.create_model("M"), model=int)


def test_another_type_is_no_pydantic_model():
    with pytest.raises(InvalidArgument, match="model=…"):
        JSON(pydantic_model=Flower)


def test_the_schema_names_what_is_taken():
    schema = JSON(model=Flower).openapi_schema()
    assert schema["$ref"] == "#/$defs/Flower"
    flower = schema["$defs"]["Flower"]
    assert flower["required"] == ["name"]
    assert flower["description"] == "One flower."
    assert flower["properties"]["height"] == {"type": "number", "default": 1.5}
    assert flower["properties"]["colour"] == {"title": "Colour", "enum": ["red", 2]}
    assert flower["properties"]["tags"] == {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    assert schema["$defs"]["Leaf"]["properties"]["size"] == {"type": "integer"}


def test_the_references_schema_has_definitions_in_their_places():
    schema = JSON(model=list[Leaf]).openapi_request_schema()["application/json"]["schema"]
    assert "$defs" not in schema
    assert schema["items"]["properties"]["size"] == {"type": "integer"}


def test_what_holds_itself_stays_a_definition():
    schema = JSON(model=Flower).openapi_request_schema()["application/json"]["schema"]
    assert schema["properties"]["parent"]["anyOf"][0] == {"$ref": "#/$defs/Flower"}
    assert "Flower" in schema["$defs"]


def test_a_plain_json_api_takes_an_object_as_the_reference_says_and_the_document_anything():
    assert JSON().openapi_request_schema() == {"application/json": {"schema": {"type": "object"}}}
    assert JSON().openapi_request_content() == {"application/json": {"schema": {}}}


def test_a_sample_says_what_is_taken_and_is_shown():
    descriptor = JSON.from_sample({"name": "iris", "sizes": [1, 2.5], "note": None})
    assert descriptor.decode(b'{"name": "rose", "sizes": [7], "note": [1]}', "")["sizes"] == [7]
    with pytest.raises(BadInput) as caught:
        descriptor.decode(b'{"name": "rose", "sizes": ["x"], "note": 1}', "")
    assert caught.value.field == "$.sizes[0]"
    schema = descriptor.openapi_request_schema()["application/json"]["schema"]
    assert schema["examples"] == [{"name": "iris", "sizes": [1, 2.5], "note": None}]


def test_a_sample_of_a_class_stands_for_the_class():
    assert JSON.from_sample(Leaf(1)).decode(b'{"size": 2}', "") == Leaf(2)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "leaves", "size", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    value=_VALUES, model=st.sampled_from([Flower, Vase, list[Leaf | int], dict[str, Colour | None], tuple[float, str]])
)
def test_any_json_is_an_object_of_the_model_or_bad_input(value, model):
    try:
        read = decode(model, value)
    except BadInput:
        return
    assert decode(model, encode(read)) == read
