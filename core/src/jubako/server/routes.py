"""`InferenceRoutes`: finds the API of a request, before Quart (which alone would cost as much again)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.server.exchange import SCOPE_KEY, Exchange
from jubako.server.inference import InferenceRoute, Workplace
from jubako.server.problems import problem_of_status, send_problem
from jubako.services import InferenceAPI
from jubako.services.routes import RouteTable

_NOT_POST = (b"allow", b"POST")
_NO_PARAMETERS: Mapping[str, str] = {}


class InferenceRoutes:
    """Answers requests for the routes of APIs and passes all others on.

    Args:
        app: what answers the other routes.
        apis: the service's APIs.
        workplace: what they share.
    """

    def __init__(self, app: ASGIApp, apis: tuple[InferenceAPI, ...], workplace: Workplace) -> None:
        self._app = app
        self._table = RouteTable((api.path, InferenceRoute(api, workplace)) for api in apis)
        self._fixed = self._table.fixed

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Answer an API's request, or pass it on."""
        exchange: Exchange = scope[SCOPE_KEY]
        route = self._fixed.get(exchange.path)
        path_texts = _NO_PARAMETERS
        if route is None:
            found = self._table.find_template(exchange.path)
            if found is None:
                await self._app(scope, receive, send)
                return
            route, path_texts = found
        if exchange.method == "POST":
            await route.answer(exchange, scope, receive, send, path_texts)
        else:
            detail = (
                f"{exchange.path} takes POST, not {exchange.method[:20]}. Do: send the input as the body of a POST."
            )
            await send_problem(send, problem_of_status(405, detail, headers=(_NOT_POST,)), exchange.id)
