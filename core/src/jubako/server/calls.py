"""`Call`: one request on its way through an API, and what its layers tell each other of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jubako.contracts.http_server import ASGIReceive, ASGISend
from jubako.server.exchange import Exchange
from jubako.server.leases import Lease
from jubako.services.context import Context, Request

NOTHING: Mapping[str, Any] = {}


class Call:
    """One call of an API's function; belongs to the event loop's thread.

    Not an attrs class, for it is made once a request (see `Exchange`).

    Attributes:
        exchange: the request.
        scope: of ASGI.
        receive: of ASGI.
        send: of ASGI.
        path_texts: what stands in the place of the parameters of the route's template.
        path_values: the same, converted.
        accept: the request's Accept header, or empty.
        timeout_s: what the function has, or each item of a stream.
        context: what the function gets if it asks for it.
        lease: of the decoded input, if that is to be released.
        stream_type: of an answer that has begun and is sent item by item; empty before, and for all others.
    """

    __slots__ = (
        "accept",
        "context",
        "exchange",
        "lease",
        "path_texts",
        "path_values",
        "receive",
        "scope",
        "send",
        "stream_type",
        "timeout_s",
    )

    def __init__(
        self,
        exchange: Exchange,
        scope: dict[str, Any],
        receive: ASGIReceive,
        send: ASGISend,
        path_texts: Mapping[str, str],
    ) -> None:
        self.exchange = exchange
        self.scope = scope
        self.receive = receive
        self.send = send
        self.path_texts = path_texts
        self.path_values = NOTHING
        self.accept = exchange.headers.get(b"accept", b"").decode("latin-1")
        self.timeout_s = 0.0
        self.context: Context | None = None
        self.lease: Lease | None = None
        self.stream_type = ""

    def open_context(self) -> Context:
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
        return self.context
