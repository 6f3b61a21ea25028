"""`OtherRoutes`: what is asked for beside the APIs: built-in pages, plugins' routes, mounted applications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.server.exchange import SCOPE_KEY, Exchange
from jubako.server.problems import problem_of_status, send_problem
from jubako.services.mounting import Mount

_NOTHING_HERE = problem_of_status(404, "There is nothing at this path that speaks WebSocket.")


class Mounted:
    """An application below a path.

    Args:
        mount: where it is.
        app: what answers, within its bounds.

    Attributes:
        state: what its lifespan has left for its requests; each gets a shallow copy.
    """

    def __init__(self, mount: Mount, app: ASGIApp) -> None:
        self.mount = mount
        self._app = app
        self.state: Mapping[str, Any] = {}

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Have the application answer, which sees its own path as `root_path`; `path` is whole, as ASGI says."""
        exchange: Exchange = scope[SCOPE_KEY]
        root: str = scope.get("root_path", "")
        below = "" if self.mount.path == "/" else self.mount.path
        inner = {**scope, "path": root + exchange.path, "root_path": root + below, "state": dict(self.state)}
        await self._app(inner, receive, send)


class OtherRoutes:
    """Looks up the exact paths first, then the mounts, the longest path first; Quart has what is left, and says 404.

    Args:
        quart: the built-in pages.
        built_in: their paths.
        routes: of plugins, by path.
        mounts: of the service.
    """

    def __init__(
        self, quart: ASGIApp, built_in: Iterable[str], routes: Mapping[str, ASGIApp], mounts: Iterable[Mounted]
    ) -> None:
        self._quart = quart
        self._exact = {**routes, **dict.fromkeys(built_in, quart)}
        self._mounts = sorted(mounts, key=lambda mounted: len(mounted.mount.path), reverse=True)

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Pass the request on to what answers it."""
        exchange: Exchange = scope[SCOPE_KEY]
        is_http = scope["type"] == "http"
        app = self._exact.get(exchange.path) if is_http else None
        if app is None:
            app = next((mounted for mounted in self._mounts if mounted.mount.holds(exchange.path)), None)
        if app is not None:
            await app(scope, receive, send)
        elif is_http:
            await self._quart(scope, receive, send)
        else:
            await send_problem(send, _NOTHING_HERE, exchange.id)
