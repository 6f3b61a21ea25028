"""What every OpenAPI document of a Service has: the server's own endpoints, refusals, and headers."""

from __future__ import annotations

from typing import Any

APP_TAG, INFRA_TAG = "app", "infra"

TAGS = [
    {"name": APP_TAG, "description": "The service's own APIs."},
    {"name": INFRA_TAG, "description": "Endpoints for those who run it."},
]

# Status: the component's name, and what it means.
_REFUSALS = {
    "400": ("BadInput", "The body, or a header, is not what the API takes."),
    "401": ("Unauthorized", "The request has no valid API key."),
    "403": ("Forbidden", "The request is that of another server's page."),
    "404": ("NotFound", "What the request names is not there."),
    "408": ("RequestTimeout", "The body did not arrive in time."),
    "413": ("PayloadTooLarge", "The request is larger than a limit allows."),
    "415": ("UnsupportedMediaType", "The API does not take this content type."),
    "421": ("MisdirectedRequest", "The Host header names another server."),
    "429": ("TooManyRequests", "Too many requests wait; try again after the time in Retry-After."),
    "500": ("InternalServerError", "The service failed; its log has the reason under the request id."),
    "503": ("ServiceUnavailable", "Nothing serves at the moment; try again after the time in Retry-After."),
    "504": ("DeadlineExceeded", "The deadline passed."),
}
_EVERYWHERE = ("401", "403", "421", "500")

_REQUEST_ID = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
_RETRY_AFTER = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
_FURTHER_HEADERS: dict[str, dict[str, Any]] = {
    "401": {"WWW-Authenticate": {"description": "How to give a key.", "schema": {"type": "string"}}},
    "429": _RETRY_AFTER,
    "503": _RETRY_AFTER,
}

_HEADERS = {
    "RequestId": {
        "description": "The request's id: the client's own, if it sent one that can be used.",
        "schema": {"type": "string"},
    },
    "RetryAfter": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
}
_PARAMETERS = {
    "RequestTimeout": {
        "name": "X-Request-Timeout",
        "in": "header",
        "required": False,
        "description": "Seconds above 0 after which the client needs no answer; the server's own limit holds all the "
        "same.",
        "schema": {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?$"},
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "required": False,
        "description": "An id for the answer and the log: 1 to 128 letters, digits and ._:- are taken, anything else "
        "is passed over.",
        "schema": {"type": "string"},
    },
}
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
_STATE_SCHEMA = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}, "reasons": {"type": "array", "items": {"type": "string"}}},
    "required": ["ready", "reasons"],
}

_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_STATE = {"application/json": {"schema": {"$ref": "#/components/schemas/Readiness"}}}
# Path: what it is for, and what each status holds.
_ENDPOINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "/healthz": ("Health check: 200 while the process lives.", {"200": _TEXT}),
    "/livez": ("Liveness check: 200 while the process lives.", {"200": _TEXT}),
    "/readyz": ("Readiness check: 200 when requests are served, 503 before and while draining.",
                {"200": _STATE, "503": _STATE}),
    "/metrics": ("Metrics in Prometheus' text format.", {"200": _TEXT}),
}  # fmt: skip

HEADER_PARAMETERS = [{"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS]


def answered(description: str, content: dict[str, Any]) -> dict[str, Any]:
    """A response that is no refusal."""
    return {"description": description, "headers": _REQUEST_ID, "content": content}


def refused() -> dict[str, Any]:
    """Every refusal that an API's caller can meet, by status."""
    return {status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in _REFUSALS.items()}


def endpoints() -> dict[str, Any]:
    """The server's own endpoints, as paths of a document."""
    paths: dict[str, Any] = {}
    for path, (summary, contents) in _ENDPOINTS.items():
        responses = {status: answered(summary, content) for status, content in contents.items()}
        responses |= {status: refusal for status, refusal in refused().items() if status in _EVERYWHERE}
        operation = {
            "tags": [INFRA_TAG],
            "summary": summary,
            "operationId": path.strip("/"),
            "responses": dict(sorted(responses.items())),
        }
        paths[path] = {"get": operation}
    return paths


def components() -> dict[str, Any]:
    """What the references of `refused`, `endpoints` and `HEADER_PARAMETERS` mean; a new dictionary to add to."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses = {
        name: {"description": text, "headers": _REQUEST_ID | _FURTHER_HEADERS.get(status, {}), "content": problem}
        for status, (name, text) in _REFUSALS.items()
    }
    return {
        "schemas": {"Problem": _PROBLEM_SCHEMA, "Readiness": _STATE_SCHEMA},
        "responses": responses,
        "parameters": _PARAMETERS,
        "headers": _HEADERS,
    }
