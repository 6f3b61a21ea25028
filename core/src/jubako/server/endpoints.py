"""The Quart application: page, OpenAPI document, health, metrics, and every route that is not an API's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

import orjson
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException

from jubako.server.documents import Served, ServedDocuments
from jubako.server.exchange import SCOPE_KEY, Exchange
from jubako.server.metrics_page import MetricsPage
from jubako.server.page.shell import PAGE_HEADERS
from jubako.server.problems import Problem, problem_of, problem_of_status
from jubako.server.readiness import Readiness
from jubako.services import Service
from jubako.settings import ServerSettings

_logger = logging.getLogger(__name__)

PATHS = ("/", "/docs.json", "/healthz", "/livez", "/readyz", "/metrics")
"""The paths that are answered here, as labels of metrics."""

_PROBLEM_TYPE = "application/problem+json"


def make_endpoints(
    service: Service,
    settings: ServerSettings,
    readiness: Readiness,
    metrics: MetricsPage | None,
) -> Quart:
    """Make the Quart application of a service.

    Args:
        service: the service.
        settings: limits of what Quart reads.
        readiness: what `/readyz` tells.
        metrics: what `/metrics` tells; None leaves the route out.
    """
    # No static folder: the default one would serve files from beside this module.
    quart = Quart("jubako.server", static_folder=None)
    quart.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    quart.config["BODY_TIMEOUT"] = settings.body_timeout_s
    # Otherwise QUART_DEBUG, a debugger or a test's setting would send tracebacks to clients.
    quart.config["DEBUG"] = False
    quart.config["PROPAGATE_EXCEPTIONS"] = False
    # Otherwise `//docs.json` would be redirected to whatever the Host header names.
    quart.url_map.merge_slashes = False
    documents = ServedDocuments(service, settings, has_metrics=metrics is not None)

    @quart.get("/")
    async def show_page() -> Response:
        return await _answer_unless_known(await documents.page(), "text/html; charset=utf-8", PAGE_HEADERS)

    @quart.get("/docs.json")
    async def show_document() -> Response:
        root_path = cast("dict[str, Any]", request.scope).get("root_path", "")
        return await _answer_unless_known(documents.openapi(root_path), "application/json", {})

    @quart.get("/healthz")
    @quart.get("/livez")
    async def tell_life() -> Response:
        return Response("\n", content_type="text/plain; charset=utf-8")

    @quart.get("/readyz")
    async def tell_readiness() -> Response:
        reasons = readiness.reasons()
        body = orjson.dumps({"ready": not reasons, "reasons": reasons})
        return Response(body, 503 if reasons else 200, content_type="application/json")

    if metrics is not None:
        metrics_page = metrics

        @quart.get("/metrics")
        async def show_metrics() -> Response:
            return Response(await metrics_page.render(), content_type="text/plain; version=0.0.4; charset=utf-8")

    quart.after_request(_forbid_sniffing)
    quart.register_error_handler(HTTPException, _tell_refusal)
    quart.register_error_handler(Exception, _tell_failure)
    return quart


async def _answer_unless_known(served: Served, content_type: str, headers: Mapping[str, str]) -> Response:
    """Send a document, or 304 to a browser that has it: it is asked for again each time, for a restart changes it."""
    response = Response(
        served.body, content_type=content_type, headers={**headers, "cache-control": "private, no-cache"}
    )
    response.set_etag(served.etag)
    await response.make_conditional(request)
    return response


async def _tell_refusal(error: HTTPException) -> Response:
    status = error.code or 500
    if status == 404:
        problem = problem_of_status(404, "There is nothing at this path. Do: see / for the routes of this service.")
    elif status == 405:
        problem = problem_of_status(405, f"This path does not take {request.method[:20]}.")
    elif status < 400:
        # A redirect is an answer, not a refusal.
        return Response(error.get_body(), status, headers=dict(error.get_headers()))
    else:
        problem = problem_of_status(status)
    response = _problem_response(problem)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after", "www-authenticate"):
            response.headers[name] = value
    return response


async def _tell_failure(error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status >= 500:
        _logger.error("%s failed", request.path, exc_info=error)
    return _problem_response(problem)


async def _forbid_sniffing(response: Response) -> Response:
    response.headers["x-content-type-options"] = "nosniff"
    return response


def _problem_response(problem: Problem) -> Response:
    exchange: Exchange = cast("dict[str, Any]", request.scope)[SCOPE_KEY]
    headers = {name.decode(): value.decode() for name, value in problem.headers}
    return Response(problem.encode(exchange.id), problem.status, content_type=_PROBLEM_TYPE, headers=headers)
