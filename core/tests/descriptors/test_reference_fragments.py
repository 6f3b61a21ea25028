"""The fragments of OpenAPI that the reference writes, for descriptors whose schema has one form.

Those of arrays and frames, which depend on their arguments, are tested beside these descriptors.
"""

from __future__ import annotations

import pytest

from jubako.io import JSON, File, Image, Multipart, NumpyNdarray, Text

BINARY = {"type": "string", "format": "binary"}


@pytest.mark.parametrize(
    ("descriptor", "media_type", "schema"),
    [
        (Text(), "text/plain", {"type": "string"}),
        (JSON(), "application/json", {"type": "object"}),
        (File(), "application/octet-stream", BINARY),
        (File(mime_type="application/pdf"), "application/pdf", BINARY),
        (Image(), "image/jpeg", BINARY),
        (Image(mime_type="image/png"), "image/png", BINARY),
    ],
)
def test_what_the_reference_writes_of_texts_objects_and_files_is_written(descriptor, media_type, schema):
    assert descriptor.openapi_request_schema() == {media_type: {"schema": schema}}
    assert descriptor.openapi_responses_schema() == {media_type: {"schema": schema}}
    assert descriptor.openapi_schema_type() == schema


def test_a_form_is_an_object_with_a_property_for_each_part():
    descriptor = Multipart(text=Text(), picture=Image(), rows=NumpyNdarray(shape=(-1, 4), dtype="float32"))
    for fragment in (descriptor.openapi_request_schema(), descriptor.openapi_responses_schema()):
        assert fragment["multipart/form-data"]["schema"]["properties"] == {
            "text": {"type": "string"},
            "picture": BINARY,
            "rows": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        }
