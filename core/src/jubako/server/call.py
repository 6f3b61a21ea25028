"""`Call`: one request on its way through an API that asks for more than its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jubako.contracts.http_server import ASGISend
from jubako.server.exchange import Exchange
from jubako.server.leases import Lease
from jubako.services.context import Context, Request


class Call:
    """One call of an API's function; belongs to the event loop's thread.

    Args:
        exchange: the request.
        scope: of ASGI.
        send: of ASGI.
        path_texts: what stands in the place of the parameters of the route's template.

    Attributes:
        path_values: the same, converted.
        context: what the function gets if it asks for it.
        lease: of the decoded input, if that is to be released.
        stream_type: of an answer that has begun and is sent item by item; empty before, and for all others.
    """

    def __init__(
        self, exchange: Exchange, scope: dict[str, Any], send: ASGISend, path_texts: Mapping[str, str]
    ) -> None:
        self.exchange = exchange
        self.scope = scope
        self.send = send
        self.path_texts = path_texts
        self.path_values: Mapping[str, Any] = {}
        self.context: Context | None = None
        self.lease: Lease | None = None
        self.stream_type = ""

    @property
    def accept(self) -> str:
        """The request's Accept header, or empty."""
        return self.exchange.headers.get(b"accept", b"").decode("latin-1")

    @property
    def content_type(self) -> str:
        """The request's Content-Type header, or empty."""
        return self.exchange.headers.get(b"content-type", b"").decode("latin-1")

    def open_context(self) -> None:
        """Make the context of this call."""
        exchange = self.exchange
        request = Request.read(
            method=exchange.method,
            path=exchange.path,
            raw_headers=self.scope["headers"],
            query_string=self.scope.get("query_string", b""),
            path_params=self.path_values,
            request_id=exchange.id,
            client=exchange.client,
        )
        self.context = Context(request)
