"""The OpenAPI 3.1 document of a Service, made of its descriptors' schemas.

It stands beside the Service and not in the server, for builds write it into every Bento too (docs/decisions/0003).
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from jubako.services import _openapi_parts as parts
from jubako.services._definitions import lift_definitions
from jubako.services.api import InferenceAPI

_EVENT_STREAM = "text/event-stream"
# `{name}`, or `{name:converter}`.
_PATH_PARAMETER = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")


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
        path = "/" + _PATH_PARAMETER.sub(r"{\1}", api.route)
        paths[path] = {"post": lift_definitions(_describe_api(name, api), components["schemas"])}
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
        "parameters": [*_path_parameters(api.route), *parts.HEADER_PARAMETERS],
    }
    if api.input is not None:
        operation["requestBody"] = {"required": True, "content": api.input.openapi_request_content()}
    content = _stream_content(api) if _is_stream(api) else api.output.openapi_responses_content()
    operation["responses"] = {"200": parts.answered("The answer.", content), **parts.refused()}
    return operation


def _path_parameters(route: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name, _ in _PATH_PARAMETER.findall(route)
    ]


def _stream_content(api: InferenceAPI) -> dict[str, Any]:
    """What a stream can be sent as; OpenAPI 3.1 has no word for its items, so that `x-item-schema` says it."""
    item: Mapping[str, Any] = api.output.openapi_schema()
    as_items = {"schema": {"type": "string"}, "x-item-schema": item}
    return {api.output.stream_media_type: as_items, _EVENT_STREAM: as_items}


def _is_stream(api: InferenceAPI) -> bool:
    call = api.func if inspect.isroutine(api.func) else getattr(api.func, "__call__", None)  # noqa: B004
    return any(inspect.isgeneratorfunction(f) or inspect.isasyncgenfunction(f) for f in (api.func, call))
