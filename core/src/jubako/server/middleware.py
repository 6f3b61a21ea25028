"""Wrapping an application in the ASGI middleware of plugins and of its service, once, when it starts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from jubako.contracts.extensions import Middleware
from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.errors import InternalServerError, PluginError
from jubako.plugins import PluginReport
from jubako.plugins.loading import disabling
from jubako.server.exchange import SCOPE_KEY, Exchange, path_below_root
from jubako.services import Service
from jubako.services.mounting import AddedMiddleware, hook_name

_logger = logging.getLogger(__name__)


def wrap_in_middleware(
    app: ASGIApp, service: Service, of_plugins: Sequence[tuple[PluginReport, Middleware]]
) -> ASGIApp:
    """Wrap the application; the first middleware of each kind is outermost, and plugins' are outside the service's.

    Where there is none, the application itself is returned, and nothing is paid.

    Raises:
        PluginError: a plugin's middleware cannot be made.
        InternalServerError: the service's cannot be made.
    """
    if not service.middlewares and not of_plugins:
        return app
    app = _Innermost(app)
    for added in reversed(service.middlewares):
        app = _make_own(app, service, added)
    for plugin, middleware in reversed(of_plugins):
        app = _make_of_plugin(app, plugin, middleware)
    return app


def _make_own(app: ASGIApp, service: Service, added: AddedMiddleware) -> ASGIApp:
    name = hook_name(added.factory)
    try:
        return _checked(added.factory(app, **added.options))
    except Exception as error:
        _logger.exception("the middleware %s cannot be made", name)
        raise InternalServerError(
            f"the middleware {name} of service {service.name!r} cannot be made.",
            why=f"{type(error).__name__}: {error}",
            do="correct what add_asgi_middleware was given",
        ) from error


def _make_of_plugin(app: ASGIApp, plugin: PluginReport, middleware: Middleware) -> ASGIApp:
    factory: Callable[..., Any] = middleware.factory
    try:
        return _checked(factory(app, **middleware.options))
    except Exception as error:
        _logger.exception("the middleware %r of %s cannot be made", middleware.name, plugin)
        # Not left out: it may be what keeps strangers out.
        raise PluginError(
            f"the middleware {middleware.name!r} of {plugin} cannot be made.",
            why=f"{type(error).__name__}: {error}",
            do=f"report it to the authors of {plugin.distribution}, or disable it: {disabling(plugin.candidate)}",
        ) from error


def _checked(app: Any) -> ASGIApp:
    if not callable(app):
        raise TypeError(f"it made {type(app).__name__}, which is no ASGI application")
    checked: ASGIApp = app
    return checked


class _Innermost:
    """Takes what middleware has changed of the request: its path, method and headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        exchange: Exchange = scope[SCOPE_KEY]
        exchange.path = path_below_root(scope)
        if scope["type"] == "http":
            exchange.method = scope["method"]
        exchange.headers = dict(scope["headers"])
        await self._app(scope, receive, send)
