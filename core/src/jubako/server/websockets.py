"""`Conversation`: one WebSocket of a mounted application, as the entrance sees it."""

from __future__ import annotations

from typing import Any

from jubako.contracts.http_server import ASGIReceive, ASGISend
from jubako.errors import ServiceUnavailable
from jubako.server.exchange import CLIENT_LEFT, Exchange
from jubako.server.held_bytes import HeldBytes

# RFC 6455, section 7.4, and the IANA registry.
_INTERNAL_ERROR = 1011
_TRY_AGAIN_LATER = 1013

_SWITCHING_PROTOCOLS = 101
_FORBIDDEN = 403
_FAILED = 500


class Conversation:
    """`receive` and `send` of a WebSocket: counts what it holds, and takes an HTTP answer for a refusal.

    A message that the application has been given counts as held until it asks for the next. Middleware that knows only
    HTTP may answer a WebSocket with `http.response.start`: that must keep it out, and not fail.

    Args:
        scope: of the WebSocket.
        exchange: what is recorded of it.
        receive: of the HTTP server.
        send: of the HTTP server.
        held: counts messages.
        names_request: False where another application of ours, outside, adds the request's id to answers.

    Attributes:
        is_over: True when nothing more may be sent.
    """

    def __init__(
        self,
        scope: dict[str, Any],
        exchange: Exchange,
        receive: ASGIReceive,
        send: ASGISend,
        held: HeldBytes,
        *,
        names_request: bool = True,
    ) -> None:
        self._exchange = exchange
        self._receive = receive
        self._send = send
        self._held = held
        self._can_refuse_by_http = "websocket.http.response" in (scope.get("extensions") or {})
        self._id_header = ((b"x-request-id", exchange.id.encode("ascii")),) if names_request else ()
        self.is_over = False

    async def receive(self) -> dict[str, Any]:
        """The next message of the client."""
        message = await self._receive()
        kind = message["type"]
        if kind == "websocket.disconnect":
            self.is_over = True
            self._exchange.status = self._exchange.status or CLIENT_LEFT
        elif kind == "websocket.receive":
            self._held.release(self._exchange)
            try:
                self._held.hold(self._exchange, len(message.get("bytes") or message.get("text") or b""))
            except ServiceUnavailable:
                await self.send({"type": "websocket.close", "code": _TRY_AGAIN_LATER})
                return {"type": "websocket.disconnect", "code": _TRY_AGAIN_LATER}
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """Pass a message of the application on."""
        if self.is_over:
            return
        kind = message["type"]
        if kind.startswith("http.response."):
            message = {**message, "type": f"websocket.{kind}"}
            kind = message["type"]
        if kind == "websocket.accept":
            self._exchange.status = _SWITCHING_PROTOCOLS
            message = {**message, "headers": [*message.get("headers", ()), *self._id_header]}
        elif kind == "websocket.send":
            self._exchange.sent_bytes += len(message.get("bytes") or message.get("text") or b"")
        elif kind == "websocket.close":
            self.is_over = True
            self._exchange.status = self._exchange.status or _FORBIDDEN
        elif kind == "websocket.http.response.start":
            self._exchange.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *self._id_header]}
        elif kind == "websocket.http.response.body":
            self._exchange.sent_bytes += len(message.get("body", b""))
            self.is_over = not message.get("more_body", False)
        if kind.startswith("websocket.http.") and not self._can_refuse_by_http:
            # A close before the WebSocket is accepted is a 403.
            self.is_over = True
            message = {"type": "websocket.close"}
        await self._send(message)

    async def fail(self) -> None:
        """End a WebSocket whose application raised."""
        if self._exchange.status == _SWITCHING_PROTOCOLS:
            await self.send({"type": "websocket.close", "code": _INTERNAL_ERROR})
        else:
            self._exchange.status = _FAILED
            await self.send({"type": "http.response.start", "status": _FAILED, "headers": [(b"content-length", b"0")]})
            await self.send({"type": "http.response.body", "body": b""})
