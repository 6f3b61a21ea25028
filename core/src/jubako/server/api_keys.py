"""API keys: a layer in front of every route, there only if keys are set."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.server.exchange import SCOPE_KEY, Exchange
from jubako.server.problems import problem_of_status, send_problem

# What an orchestrator asks without a secret; they tell nothing but a state.
OPEN_PATHS = frozenset({"/healthz", "/livez", "/readyz"})

_MISSING = problem_of_status(
    401,
    "The request has no valid API key. Do: send the header 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.",
    headers=((b"www-authenticate", b"Bearer"),),
)


class ApiKeys:
    """Asks for one of the keys on every route but `/healthz`, `/livez` and `/readyz`.

    Digests of equal length are compared, each of them, in constant time: neither a key's length nor how much of it was
    right can be measured.

    Args:
        app: the layers inside.
        keys: at least one.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self._app = app
        self._digests = tuple(hashlib.sha256(key.encode()).digest() for key in keys)

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Pass the request on if it has a key or needs none, else answer 401."""
        exchange: Exchange = scope[SCOPE_KEY]
        if exchange.path in OPEN_PATHS or self._is_valid(_offered_key(exchange)):
            await self._app(scope, receive, send)
        else:
            await send_problem(send, _MISSING, exchange.id)

    def _is_valid(self, key: bytes) -> bool:
        offered = hashlib.sha256(key).digest()
        matches = [hmac.compare_digest(offered, digest) for digest in self._digests]
        return any(matches)


def _offered_key(exchange: Exchange) -> bytes:
    scheme, _, credentials = exchange.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return credentials.strip()
    return exchange.headers.get(b"x-api-key", b"")
