"""The OpenAPI 3.1 document of a Service, made of its descriptors' schemas.

It stands beside the Service and not in the server, for builds write it into every Bento too (docs/decisions/0003).
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from jubako.services import _openapi_parts as parts
from jubako.services._definitions import lift_definitions
from jubako.services._path_values import schema_of
from jubako.services.api import InferenceAPI

_EVENT_STREAM = "text/event-stream"


def describe_service(name: str, version: str | None, doc: str, apis: Iterable[InferenceAPI]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a Service, JSON-like; equal for equal Services, without time or host.

    Applications that are mounted, and what plugins answer, are not described.

    Args:
        name: of the Service.
        version: of its Bento, if it has one.
        doc: in Markdown.
        apis: in the order in which they are shown.
    """
    components = parts.components()
    paths: dict[str, Any] = {}
    for api in apis:
        segments = [each if isinstance(each, str) else f"{{{each.name}}}" for each in api.path.segments]
        paths["/" + "/".join(segments)] = {"post": lift_definitions(_describe_api(name, api), components["schemas"])}
    document = {
        "openapi": "3.1.0",
        "info": {"title": name, "version": version or "0.0.0", "description": doc},
        "tags": parts.TAGS,
        "paths": paths | parts.endpoints(),
        "components": components,
    }
    # Whoever changes one document changes no other, and no descriptor.
    return copy.deepcopy(document)


def _describe_api(service_name: str, api: InferenceAPI) -> dict[str, Any]:
    doc = inspect.cleandoc(api.doc)
    operation: dict[str, Any] = {
        "tags": [parts.APP_TAG],
        "summary": doc.partition("\n")[0] or api.name,
        "description": doc,
        "operationId": f"{service_name}__{api.name}",
        "parameters": [*_path_parameters(api), *parts.HEADER_PARAMETERS],
    }
    if api.input is not None:
        operation["requestBody"] = {"required": True, "content": api.input.openapi_request_content()}
    content = _stream_content(api) if api.is_stream else api.output.openapi_responses_content()
    operation["responses"] = {"200": parts.answered("The answer.", content), **parts.refused()}
    return operation


def _path_parameters(api: InferenceAPI) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": schema_of(converter)}
        for name, converter in api.plan.path_converters.items()
    ]


def _stream_content(api: InferenceAPI) -> dict[str, Any]:
    """What a stream can be sent as; OpenAPI 3.1 has no word for its items, so that `x-item-schema` says it."""
    item: Mapping[str, Any] = api.output.openapi_schema()
    as_items = {"schema": {"type": "string"}, "x-item-schema": item}
    return {api.output.stream_media_type: as_items, _EVENT_STREAM: as_items}
