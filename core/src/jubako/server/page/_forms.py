"""What the page shows of each operation, read from the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from markupsafe import Markup

from jubako.server.page._examples import lay_out, make_example
from jubako.server.page._markdown import render_markdown

_METHODS = ("get", "post", "put", "patch", "delete")
_FORM_TYPE = "multipart/form-data"
_HEADING_OF_OPERATIONS = 3
# Written into a field; everything else is taken from a file.
_TEXTUAL = re.compile(r"text/.*|application/(?:.*\+)?(?:json|xml|yaml|x-ndjson|x-www-form-urlencoded)|\*/\*")


@attrs.frozen
class Part:
    """One part of a form.

    Args:
        name: of the part.
        media_type: that it is sent as; empty leaves it to the browser.
        is_file: True if it is taken from a file.
        is_required: True if the request is none without it.
        example: what its field holds first.
    """

    name: str
    media_type: str
    is_file: bool
    is_required: bool
    example: str


@attrs.frozen
class Content:
    """One media type that a request can have.

    Args:
        media_type: as the document names it.
        kind: `text` is written into a field, `file` is taken from a file, `form` has parts.
        example: what the field holds first.
        parts: of a form.
        schema: laid out as JSON; empty if it says nothing but that this is text or bytes.
    """

    media_type: str
    kind: str
    example: str
    parts: tuple[Part, ...]
    schema: str


@attrs.frozen
class Operation:
    """One operation.

    Args:
        method: upper case.
        path: with `{…}` where its parameters stand.
        anchor: of its section, unique.
        name: in the contents.
        summary: one line, or empty.
        doc: the description, safe to show.
        parameters: names of the path's parameters.
        contents: what a request can hold; empty if it holds nothing.
        answers: media types of its answer, the one first that nobody asked for.
        schemas: media type and schema of each answer, as those of contents; without the empty ones.
    """

    method: str
    path: str
    anchor: str
    name: str
    summary: str
    doc: Markup
    parameters: tuple[str, ...]
    contents: tuple[Content, ...]
    answers: tuple[str, ...]
    schemas: tuple[tuple[str, str], ...]


def read_operations(document: Mapping[str, Any], tag: str) -> Iterator[Operation]:
    """Yield the operations of a document that have the tag, in its order."""
    schemas, prefix = document["components"]["schemas"], f"{document['info']['title']}__"
    for path, item in document["paths"].items():
        for method in _METHODS:
            if tag in item.get(method, {}).get("tags", ()):
                name = str(item[method].get("operationId", path)).removeprefix(prefix)
                yield _read_operation(name, path, method, item[method], schemas)


def _read_operation(
    name: str, path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Operation:
    content = operation.get("requestBody", {}).get("content", {})
    answer = operation["responses"].get("200", {}).get("content", {})
    description = str(operation.get("description", ""))
    parameters = [parameter for parameter in operation.get("parameters", ()) if parameter.get("in") == "path"]
    return Operation(
        method=method.upper(),
        path=path,
        anchor=f"{method}-{name}",
        name=name,
        summary=str(operation.get("summary", "")),
        doc=render_markdown(description, headings_below=_HEADING_OF_OPERATIONS),
        parameters=tuple(parameter["name"] for parameter in parameters),
        contents=tuple(_read_content(media_type, media, schemas) for media_type, media in content.items()),
        answers=tuple(answer),
        schemas=tuple((name, shown) for name, media in answer.items() if (shown := _show_schema(media))),
    )


def _read_content(media_type: str, media: Mapping[str, Any], schemas: Mapping[str, Any]) -> Content:
    schema = media.get("schema", {})
    if media_type == _FORM_TYPE:
        kind, example = "form", ""
    elif _TEXTUAL.fullmatch(media_type) and not _is_binary(schema):
        kind, example = "text", _example_text(media, media_type, schemas)
    else:
        kind, example = "file", ""
    parts = tuple(_read_parts(media, schemas)) if kind == "form" else ()
    return Content(media_type, kind, example, parts, _show_schema(media))


def _read_parts(media: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[Part]:
    schema = media.get("schema", {})
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        # Of several types the first is the main one.
        named = str(media.get("encoding", {}).get(name, {}).get("contentType", "")).partition(",")[0].strip()
        media_type = named or ("" if part.get("type") == "string" else "application/json")
        is_file = _is_binary(part) or (bool(named) and not _TEXTUAL.fullmatch(named))
        example = "" if is_file else _example_text({"schema": part}, media_type, schemas)
        yield Part(name, media_type, is_file, name in required, example)


def _example_text(media: Mapping[str, Any], media_type: str, schemas: Mapping[str, Any]) -> str:
    named = [media["example"]] if "example" in media else [e.get("value") for e in media.get("examples", {}).values()]
    is_json = media_type.endswith("json")
    if not named and not is_json and media_type not in ("", "text/plain"):
        # What a table looks like in another form than JSON, a schema does not say.
        return ""
    value = named[0] if named else make_example(media.get("schema", {}), schemas)
    if isinstance(value, str) and not is_json:
        return value
    return "" if value is None else lay_out(value)


def _is_binary(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "binary" or (
        "contentMediaType" in schema and not _TEXTUAL.fullmatch(str(schema["contentMediaType"]))
    )


def _show_schema(media: Mapping[str, Any]) -> str:
    schema = media.get("x-item-schema", media.get("schema", {}))
    return "" if schema in ({"type": "string"}, {"type": "string", "format": "binary"}) else lay_out(schema)
