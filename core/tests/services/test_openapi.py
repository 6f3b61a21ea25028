"""The OpenAPI document: valid for whatever a Service may have, and the same each time."""

from __future__ import annotations

import subprocess
import sys
from typing import Literal

import orjson
import pydantic
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from jubako import io
from jubako._documents import dump_yaml, parse_yaml
from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.io import JSON, NumpyNdarray, Text
from jubako.services import Service


def add(service, func, **arguments):
    service.api(**{"input": JSON(), "output": JSON(), **arguments})(func)


def operation_of(service, path):
    document = service.openapi_doc()
    validate(document, cls=OpenAPIV31SpecValidator)
    return document["paths"][path]["post"]


def say(value):
    """Say it again.

    At length.
    """
    return value


class Cat(pydantic.BaseModel):
    """A model that another holds, and holds it."""

    kind: Literal["cat"]
    friend: Dog | None = None


class Dog(pydantic.BaseModel):
    """The other."""

    kind: Literal["dog"]
    friends: list[Cat] = pydantic.Field(default_factory=list)


class Several(Descriptor):
    """A descriptor of several media types."""

    media_types = ("application/json", "text/csv", "application/octet-stream")

    def decode(self, body, content_type):
        return body

    def encode(self, value, accept=""):
        return EncodedBody(value, "text/csv")

    def openapi_schema(self):
        return {"type": "object"}

    def openapi_request_content(self):
        return {name: {"schema": self.openapi_schema()} for name in self.media_types}

    def openapi_responses_content(self):
        return {name: {"schema": {"type": "string"}} for name in reversed(self.media_types)}


def test_an_empty_service_has_a_valid_document():
    document = Service("toy").openapi_doc()
    validate(document, cls=OpenAPIV31SpecValidator)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "toy"
    assert document["info"]["version"] == "0.0.0"
    assert [tag["name"] for tag in document["tags"]] == ["app", "infra"]


def test_an_operation_says_what_its_function_says():
    service = Service("toy")
    add(service, say, input=Text(), route="/v1/say")
    operation = operation_of(service, "/v1/say")
    assert operation["tags"] == ["app"]
    assert operation["operationId"] == "toy__say"
    assert operation["summary"] == "Say it again."
    assert operation["description"] == "Say it again.\n\nAt length."
    assert operation["requestBody"] == {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}


def test_every_refusal_is_a_problem_of_one_schema():
    service = Service("toy")
    add(service, say)
    document = service.openapi_doc()
    responses = operation_of(service, "/say")["responses"]
    expected = {"200", "400", "401", "403", "404", "408", "413", "415", "421", "429", "500", "503", "504"}
    assert set(responses) == expected
    for status in expected - {"200"}:
        name = responses[status]["$ref"].removeprefix("#/components/responses/")
        content = document["components"]["responses"][name]["content"]
        assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    retried = [
        document["components"]["responses"][name]["headers"] for name in ("TooManyRequests", "ServiceUnavailable")
    ]
    assert all("Retry-After" in headers for headers in retried)


def test_headers_of_requests_are_described_once():
    service = Service("toy")
    add(service, say)
    document = service.openapi_doc()
    references = [parameter["$ref"].rpartition("/")[2] for parameter in operation_of(service, "/say")["parameters"]]
    named = [document["components"]["parameters"][name]["name"] for name in references]
    assert named == ["X-Request-Timeout", "X-Request-Id"]


def test_every_media_type_of_both_sides_is_listed():
    service = Service("toy")
    add(service, say, input=Several(), output=Several())
    operation = operation_of(service, "/say")
    assert list(operation["requestBody"]["content"]) == list(Several.media_types)
    assert list(operation["responses"]["200"]["content"]) == list(reversed(Several.media_types))


def test_parameters_of_a_path_are_described_by_what_the_function_takes():
    service = Service("toy")

    def find(value, shelf: int, weight: float, name, rest):
        return value

    add(service, find, route="v1/{shelf}/{weight}/{name}/{rest:path}")
    operation = operation_of(service, "/v1/{shelf}/{weight}/{name}/{rest}")
    parameters = {each["name"]: each for each in operation["parameters"] if each.get("in") == "path"}
    assert list(parameters) == ["shelf", "weight", "name", "rest"]
    assert all(parameter["required"] for parameter in parameters.values())
    types = [parameter["schema"]["type"] for parameter in parameters.values()]
    assert types == ["integer", "number", "string", "string"]


def test_an_api_without_an_input_takes_no_body():
    service = Service("toy")

    def now():
        return 1

    service.api(output=JSON())(now)
    assert "requestBody" not in operation_of(service, "/now")


def test_a_stream_is_described_as_both_ways_to_send_it():
    service = Service("toy")

    async def count(value):
        yield value

    add(service, count, output=NumpyNdarray(dtype="int64", shape=(2,)))
    content = operation_of(service, "/count")["responses"]["200"]["content"]
    assert list(content) == ["application/x-ndjson", "text/event-stream"]
    assert content["text/event-stream"]["x-item-schema"]["items"] == {"type": "integer"}


def sample_descriptors():
    yield JSON()
    yield Text()
    yield NumpyNdarray()
    yield NumpyNdarray(dtype="float32", enforce_dtype=True, shape=(-1, 3, 4), enforce_shape=True)
    for name in ("PandasDataFrame", "PandasSeries", "File", "Image"):
        if name in io.__all__:
            yield getattr(io, name)()
    if "File" in io.__all__:
        yield io.File(mime_type="application/pdf")
    if "Multipart" in io.__all__:
        yield io.Multipart(picture=io.Image(), about=JSON(), note=Text())


@pytest.mark.parametrize("descriptor", list(sample_descriptors()), ids=repr)
def test_every_descriptor_gives_a_valid_document_that_a_bento_can_hold(descriptor):
    service = Service("toy")

    def give(**values):
        return values

    func = give if descriptor.passes_keywords else say
    service.api(input=descriptor, output=descriptor, name="give")(func)
    operation = operation_of(service, "/give")
    assert set(operation["requestBody"]["content"]) == set(descriptor.openapi_request_content())
    document = service.openapi_doc()
    assert parse_yaml(dump_yaml(document), "the document") == document
    assert orjson.loads(orjson.dumps(document)) == document


def test_a_document_is_nobody_elses():
    service = Service("toy")
    add(service, say)
    document = service.openapi_doc()
    document["components"]["schemas"].clear()
    document["paths"]["/say"].clear()
    assert Service("other").openapi_doc()["components"]["schemas"]
    assert service.openapi_doc()["paths"]["/say"]["post"]


def test_equal_models_are_one_component_and_unequal_ones_of_a_name_two():
    def model_with(inner_type):
        inner = pydantic.create_model("Inner", value=(inner_type, ...))
        return pydantic.create_model("Outer", inner=(inner, ...))

    service = Service("toy")
    add(service, say, input=JSON(model_with(int)), output=JSON(model_with(int)))
    add(service, say, name="again", input=JSON(model_with(str)))
    assert operation_of(service, "/say")
    schemas = service.openapi_doc()["components"]["schemas"]
    assert {name for name in schemas if "Inner" in name} == {"Inner", "Inner-2"}
    assert "$defs" not in str(service.openapi_doc())


def test_models_that_hold_themselves_and_each_other_are_described():
    pet = pydantic.create_model("Pet", pet=(Cat | Dog, pydantic.Field(discriminator="kind")))
    service = Service("toy")
    add(service, say, input=JSON(pet))
    schema = operation_of(service, "/say")["requestBody"]["content"]["application/json"]["schema"]
    mapping = schema["properties"]["pet"]["discriminator"]["mapping"]
    assert mapping == {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"}
    assert "#/$defs" not in str(service.openapi_doc())


def test_models_whose_names_are_one_in_ascii_are_kept_apart():
    first, second = pydantic.create_model("Größe", a=(int, ...)), pydantic.create_model("Grüße", b=(int, ...))
    both = pydantic.create_model("Both", first=(first, ...), second=(second, ...))
    service = Service("toy")
    add(service, say, input=JSON(both))
    operation_of(service, "/say")
    named = [schema for name, schema in service.openapi_doc()["components"]["schemas"].items() if "Gr" in name]
    assert [list(schema["properties"]) for schema in named] == [["a"], ["b"]]


SCRIPT = """
import sys, orjson, pydantic, jubako
from jubako.io import JSON, NumpyNdarray

svc = jubako.Service("toy")
Inner = pydantic.create_model("Inner", value=(set[int], ...))
Outer = pydantic.create_model("Outer", inner=(Inner, ...), others=(dict[str, Inner], ...))

@svc.api(input=JSON(Outer), output=NumpyNdarray(dtype="float64", shape=(-1, 2)))
def a(value):
    "One."

sys.stdout.buffer.write(orjson.dumps(svc.openapi_doc()))
"""


@pytest.mark.timeout(120)
def test_equal_services_of_two_processes_have_equal_documents_byte_for_byte():
    pytest.importorskip("pydantic")
    documents = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(documents) == 1
