"""API keys: a layer in front of every route, there only if keys are set."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.server.exchange import SCOPE_KEY, Exchange
from jubako.server.page.shell import PAGE_HEADERS, render_key_page
from jubako.server.problems import problem_of_status, send_problem

# What an orchestrator asks without a secret; they tell nothing but a state.
OPEN_PATHS = frozenset({"/healthz", "/livez", "/readyz"})

_MISSING = problem_of_status(
    401,
    "The request has no valid API key. Do: send the header 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.",
    headers=((b"www-authenticate", b"Bearer"),),
)

_KEY_PAGE_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    *_MISSING.headers,
    *((name.encode(), value.encode()) for name, value in PAGE_HEADERS.items()),
]


class ApiKeys:
    """Asks for one of the keys on every route but `/healthz`, `/livez` and `/readyz`.

    A browser that asks for the page is answered 401 like everybody, with a form for the key in the problem's place.

    Digests of equal length are compared, each of them, in constant time: neither a key's length nor how much of it was
    right can be measured.

    Args:
        app: the layers inside.
        keys: at least one.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self._app = app
        self._key_page = render_key_page().encode()
        self._digests = tuple(hashlib.sha256(key.encode()).digest() for key in keys)

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Pass the request on if it has a key or needs none, else answer 401."""
        exchange: Exchange = scope[SCOPE_KEY]
        if exchange.path in OPEN_PATHS or self._is_valid(_offered_key(exchange)):
            await self._app(scope, receive, send)
        elif exchange.path == "/" and exchange.method == "GET" and _is_browser(exchange):
            headers = [*_KEY_PAGE_HEADERS, (b"content-length", b"%d" % len(self._key_page))]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": self._key_page})
        else:
            await send_problem(send, _MISSING, exchange.id)

    def _is_valid(self, key: bytes) -> bool:
        offered = hashlib.sha256(key).digest()
        matches = [hmac.compare_digest(offered, digest) for digest in self._digests]
        return any(matches)


def _is_browser(exchange: Exchange) -> bool:
    return b"text/html" in exchange.headers.get(b"accept", b"")


def _offered_key(exchange: Exchange) -> bytes:
    scheme, _, credentials = exchange.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return credentials.strip()
    return exchange.headers.get(b"x-api-key", b"")
