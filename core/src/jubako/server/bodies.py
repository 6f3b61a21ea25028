"""`read_body`: a request's body in one piece, for whoever stands within `Bounds`."""

from __future__ import annotations

from jubako.contracts.http_server import ASGIReceive


async def read_body(receive: ASGIReceive) -> bytes | None:
    """Wait for the whole body and return it; None if the client has left, or `Bounds` has answered, before its end."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)
