from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.server.page._examples import lay_out, make_example


def number():
    return {"type": "number"}


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({}, {}),
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "boolean"}, True),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "exclusiveMinimum": 7}, 8),
        ({"type": "number", "exclusiveMaximum": 0}, -1),
        ({"type": ["null", "integer"]}, 1),
        ({"type": "null"}, None),
        ({"const": "a"}, "a"),
        ({"enum": ["b", "c"]}, "b"),
        ({"type": "integer", "default": 9}, 9),
        ({"type": "integer", "examples": [4, 5]}, 4),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}, {"a": 1, "b": 2}),
        ({"type": "array", "items": {}}, [1, 2, 3]),
        ({"type": "array", "items": number()}, [1]),
        ({"type": "array", "items": number(), "maxItems": 0}, []),
        ({"type": "array", "items": {"type": "array", "items": number(), "minItems": 3, "maxItems": 3}}, [[1, 1, 1]]),
        ({"type": "array", "prefixItems": [{"const": "x"}, number()]}, ["x", 1]),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"name": "text"}),
        ({"type": "object", "properties": {}, "additionalProperties": {}}, {"name": 1}),
        ({"type": "object", "properties": {"a": number(), "b": {"type": "string"}}}, {"a": 1, "b": "text"}),
    ],
)
def test_an_example_has_the_form_of_its_schema(schema, example):
    assert make_example(schema, {}) == example


def test_references_are_followed_and_those_that_lead_to_themselves_have_an_end():
    node = {
        "type": "object",
        "properties": {"value": {"type": "integer"}, "next": {"$ref": "#/components/schemas/Node"}},
        "required": ["value"],
    }
    example = make_example({"$ref": "#/components/schemas/Node"}, {"Node": node})
    assert example["value"] == example["next"]["value"] == 1
    assert len(json.dumps(example)) < 500
    assert make_example({"$ref": "#/components/schemas/Missing"}, {}) is None


def test_an_example_that_would_fill_the_page_is_none():
    row = number()
    for length in (224, 224, 3):
        row = {"type": "array", "items": row, "minItems": length, "maxItems": length}
    assert make_example({"type": "array", "items": row}, {}) is None
    huge = number()
    for _ in range(8):
        huge = {"type": "array", "items": huge, "minItems": 10**9}
    assert make_example(huge, {}) is None


def test_what_fits_in_a_line_stands_in_one():
    value = {"rows": [[5.1, 3.5, 1.4, 0.2]] * 4, "name": "x" * 60}
    assert lay_out(value).splitlines() == [
        "{",
        '  "rows": [',
        *["    [5.1, 3.5, 1.4, 0.2],"] * 3,
        "    [5.1, 3.5, 1.4, 0.2]",
        "  ],",
        f'  "name": "{"x" * 60}"',
        "}",
    ]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_a_value_is_the_same_however_it_is_laid_out(value):
    assert json.loads(lay_out(value)) == value
