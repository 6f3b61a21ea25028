"""The OpenAPI 3.1 document of a Service, made of its descriptors' schemas.

It stands beside the Service and not in the server, for builds write it into every Bento too (docs/decisions/0003).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from jubako.services.api import InferenceAPI

_PROBLEM_MEDIA_TYPE = "application/problem+json"
_STATE_SCHEMA = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}, "reasons": {"type": "array", "items": {"type": "string"}}},
    "required": ["ready", "reasons"],
}
_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_STATE = {"application/json": {"schema": _STATE_SCHEMA}}
# Path: what it is for, and what each status holds.
_ENDPOINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "/healthz": ("Health check: 200 while the process lives.", {"200": _TEXT}),
    "/livez": ("Liveness check: 200 while the process lives.", {"200": _TEXT}),
    "/readyz": ("Readiness check: 200 when requests are served, 503 before and while draining.",
                {"200": _STATE, "503": _STATE}),
    "/metrics": ("Metrics in Prometheus' text format.", {"200": _TEXT}),
}  # fmt: skip
_EVERYWHERE = {
    "401": "The request has no valid API key.",
    "403": "The request is that of another server's page.",
    "421": "The Host header names another server.",
    "500": "The service failed.",
}
_PROBLEMS = {
    "400": "The body, or a header, is not what the API takes.",
    "408": "The body did not arrive in time.",
    "413": "The request is larger than a limit allows.",
    "415": "The API does not take this content type.",
    "429": "Too many requests wait; try again after the time in Retry-After.",
    "503": "Nothing serves at the moment.",
    "504": "The deadline passed.",
}
_PROBLEM = {_PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_PROBLEM_SCHEMA = {
    "type": "object",
    "description": "Problem details by RFC 9457.",
    "properties": {
        "type": {"type": "string", "description": "A URN that stays the same."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "field": {"type": "string", "description": "Where the mistake stands."},
        "expected": {"type": "string", "description": "What would be right."},
    },
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
}
_TIMEOUT = {
    "name": "X-Request-Timeout",
    "in": "header",
    "required": False,
    "description": "Seconds above 0 after which the client needs no answer; the server's own limit holds all the same.",
    "schema": {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?$"},
}


def describe_service(name: str, version: str | None, doc: str, apis: Iterable[InferenceAPI]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a Service, JSON-like; equal for equal Services, without time or host.

    Args:
        name: of the Service.
        version: of its Bento, if it has one.
        doc: in Markdown.
        apis: in the order in which they are shown.
    """
    schemas: dict[str, Any] = {"Problem": _PROBLEM_SCHEMA}
    paths: dict[str, Any] = {}
    for api in apis:
        paths[f"/{api.route}"] = {"post": _lift_definitions(_describe_api(name, api), schemas)}
    for path, (summary, contents) in _ENDPOINTS.items():
        responses = {status: {"description": summary, "content": content} for status, content in contents.items()}
        responses |= _refusals(_EVERYWHERE)
        paths[path] = {"get": {"tags": ["infrastructure"], "summary": summary, "responses": responses}}
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": version or "0.0.0", "description": doc},
        "tags": [
            {"name": "service", "description": "The service's own APIs."},
            {"name": "infrastructure", "description": "Endpoints for those who run it."},
        ],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _describe_api(service_name: str, api: InferenceAPI) -> dict[str, Any]:
    doc = inspect.cleandoc(api.doc)
    return {
        "tags": ["service"],
        "summary": doc.partition("\n")[0] or api.name,
        "description": doc,
        "operationId": f"{service_name}__{api.name}",
        "parameters": [_TIMEOUT],
        "requestBody": {"required": True, "content": api.input.openapi_request_schema()},
        "responses": {
            "200": {"description": "The answer.", "content": api.output.openapi_responses_schema()},
            **_refusals(_PROBLEMS | _EVERYWHERE),
        },
    }


def _refusals(texts: dict[str, str]) -> dict[str, Any]:
    return {status: {"description": texts[status], "content": _PROBLEM} for status in sorted(texts)}


def _lift_definitions(part: Any, schemas: dict[str, Any]) -> Any:
    """Move every `$defs` of a schema to the document's components, for `#` means the document once it stands in one."""
    if isinstance(part, list):
        return [_lift_definitions(item, schemas) for item in part]
    if not isinstance(part, dict):
        return part
    definitions = part.get("$defs", {})
    places = {f"#/$defs/{name}": f"#/components/schemas/{_free_name(name, schemas)}" for name in definitions}
    for name, definition in definitions.items():
        schemas[places[f"#/$defs/{name}"].rpartition("/")[2]] = _redirected(definition, places)
    rest = {key: value for key, value in part.items() if key != "$defs"}
    redirected = _redirected(rest, places) if places else rest
    return {key: _lift_definitions(value, schemas) for key, value in redirected.items()}


def _redirected(part: Any, places: dict[str, str]) -> Any:
    if isinstance(part, list):
        return [_redirected(item, places) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: places.get(value, value) if key == "$ref" and isinstance(value, str) else _redirected(value, places)
        for key, value in part.items()
    }


def _free_name(name: str, schemas: dict[str, Any]) -> str:
    # Two models of one name are two schemas; components are named with ASCII only.
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    number = 1
    candidate = plain
    while candidate in schemas:
        number += 1
        candidate = f"{plain}-{number}"
    return candidate
