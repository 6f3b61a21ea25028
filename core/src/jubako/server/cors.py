"""CORS: which pages of other origins may read answers; a layer that is there only if it is switched on."""

from __future__ import annotations

from typing import Any

from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.server.exchange import SCOPE_KEY, Exchange
from jubako.settings import CorsSettings

_DEFAULT_METHODS = ("GET", "HEAD", "POST")

_Header = tuple[bytes, bytes]


class Cors:
    """Adds CORS headers for the origins that are allowed, and answers their preflight requests.

    An origin must match exactly; a request of another one gets no CORS header, so that the browser keeps the answer
    from the page.

    Args:
        app: the layers inside.
        settings: the `server.cors` section, which refuses `*` together with credentials.
    """

    def __init__(self, app: ASGIApp, settings: CorsSettings) -> None:
        self._app = app
        self._allows_all = "*" in settings.access_control_allow_origin
        self._origins = frozenset(origin.encode() for origin in settings.access_control_allow_origin)
        self._always: list[_Header] = []
        if settings.access_control_allow_credentials:
            self._always.append((b"access-control-allow-credentials", b"true"))
        self._exposed = _list_header(b"access-control-expose-headers", settings.access_control_expose_headers)
        methods = dict.fromkeys((*_DEFAULT_METHODS, *settings.access_control_allow_methods))
        self._preflight = [
            *_list_header(b"access-control-allow-methods", tuple(methods)),
            *_list_header(b"access-control-allow-headers", settings.access_control_allow_headers),
        ]
        if settings.access_control_max_age is not None:
            self._preflight.append((b"access-control-max-age", b"%d" % settings.access_control_max_age))

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Answer a preflight request, or pass the request on and add the headers to its answer."""
        exchange: Exchange = scope[SCOPE_KEY]
        origin = exchange.headers.get(b"origin")
        # For WebSockets there is no CORS: the entrance has looked at their origin.
        if origin is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, is_allowed = self._origin_headers(origin)
        if exchange.method == "OPTIONS" and b"access-control-request-method" in exchange.headers:
            if is_allowed:
                headers += self._preflight
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        if is_allowed:
            headers += self._exposed

        async def add_and_send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        await self._app(scope, receive, add_and_send)

    def _origin_headers(self, origin: bytes) -> tuple[list[_Header], bool]:
        """The headers for one origin, and whether it is allowed; `vary` for all, for caches must not mix them up."""
        if self._allows_all:
            return [(b"vary", b"Origin"), (b"access-control-allow-origin", b"*")], True
        if origin in self._origins:
            return [(b"vary", b"Origin"), (b"access-control-allow-origin", origin), *self._always], True
        return [(b"vary", b"Origin")], False


def _list_header(name: bytes, values: tuple[str, ...]) -> list[_Header]:
    return [(name, ", ".join(values).encode())] if values else []
