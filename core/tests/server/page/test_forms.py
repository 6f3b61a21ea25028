from __future__ import annotations

from typing import Any

import pydantic
import pytest

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.io import JSON, NumpyNdarray, Text
from jubako.server.page._forms import read_operations
from jubako.services import Service

BYTES = {"schema": {"type": "string", "format": "binary"}}


class Described(Descriptor):
    """A descriptor of whatever content a test gives it."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.media_types = tuple(content)
        self._content = content

    def decode(self, body, content_type):
        return body

    def encode(self, value, accept=""):
        return EncodedBody(value, self.media_types[0])

    def openapi_schema(self):
        return self._content[self.media_types[0]]["schema"]

    def openapi_request_content(self):
        return self._content

    def openapi_responses_content(self):
        return self._content


def operation_of(input=None, output=None, *, name="ask", route=None, func=None):
    service = Service("toy")
    service.api(input=input or JSON(), output=output or JSON(), name=name, route=route)(func or (lambda value: value))
    (operation,) = read_operations(service.openapi_doc(), "app")
    return operation


def test_an_operation_is_named_as_its_api_even_with_two_underscores():
    operation = operation_of(name="ask__twice", route="v1/ask")
    assert (operation.name, operation.anchor, operation.path) == ("ask__twice", "post-ask__twice", "/v1/ask")


def test_parameters_of_the_path_have_fields():
    operation = operation_of(route="v1/{a}/{b:path}", func=lambda value, a, b: value)
    assert operation.path == "/v1/{a}/{b}"
    assert operation.parameters == ("a", "b")


@pytest.mark.parametrize(
    ("media_type", "schema", "kind"),
    [
        ("application/json", {}, "text"),
        ("application/vnd.api+json", {}, "text"),
        ("text/plain", {"type": "string"}, "text"),
        ("text/csv", {"type": "string"}, "text"),
        ("application/x-npy", BYTES["schema"], "file"),
        ("application/vnd.apache.parquet", {"type": "object"}, "file"),
        ("image/png", BYTES["schema"], "file"),
        ("image/*", BYTES["schema"], "file"),
        ("*/*", BYTES["schema"], "file"),
        ("text/plain", {"type": "string", "contentMediaType": "image/png"}, "file"),
        ("multipart/form-data", {"type": "object"}, "form"),
    ],
)
def test_text_is_written_and_anything_else_taken_from_a_file(media_type, schema, kind):
    (content,) = operation_of(Described({media_type: {"schema": schema}})).contents
    assert content.kind == kind


def test_fields_begin_with_an_example():
    class Garden(pydantic.BaseModel):
        name: str = "Kew"
        beds: list[int] = pydantic.Field(examples=[[3, 5]])

    assert operation_of(JSON(Garden)).contents[0].example == '{"name": "Kew", "beds": [3, 5]}'
    assert operation_of(NumpyNdarray(dtype="float64", shape=(-1, 2))).contents[0].example.startswith("[[")
    assert operation_of(Text()).contents[0].example == "text"
    own = {"text/csv": {"schema": {"type": "string"}, "example": "a,b\n1,2\n"}}
    assert operation_of(Described(own)).contents[0].example == "a,b\n1,2\n"
    assert operation_of(Described({"text/csv": {"schema": {"type": "string"}}})).contents[0].example == ""


def test_each_part_of_a_form_has_a_field_of_its_kind():
    schema = {
        "type": "object",
        "properties": {"picture": BYTES["schema"], "note": {"type": "string"}, "about": {"type": "object"}},
        "required": ["picture"],
    }
    encoding = {"picture": {"contentType": "image/jpeg, image/*"}}
    content = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    parts = operation_of(Described(content)).contents[0].parts
    told = [(part.name, part.media_type, part.is_file, part.is_required, part.example) for part in parts]
    assert told == [
        ("picture", "image/jpeg", True, True, ""),
        ("note", "", False, False, "text"),
        ("about", "application/json", False, False, "{}"),
    ]


def test_schemas_that_say_nothing_are_not_shown():
    operation = operation_of(Described({"text/csv": {"schema": {"type": "string"}}, "image/png": BYTES}), Text())
    assert [content.schema for content in operation.contents] == ["", ""]
    assert operation.schemas == ()
    assert operation.answers == ("text/plain",)


def test_of_a_stream_the_schema_of_an_item_is_shown():
    async def count(value):
        yield value

    operation = operation_of(output=NumpyNdarray(dtype="int64", shape=(2,)), func=count)
    assert operation.answers == ("application/x-ndjson", "text/event-stream")
    assert '"integer"' in operation.schemas[0][1]
