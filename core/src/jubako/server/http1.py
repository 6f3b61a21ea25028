"""`Http1`: Hypercorn's HTTP/1.1 over a parser that refuses what two servers could read in two ways.

h11 takes what RFC 9112 lets a server take: lines that end in a bare line feed (section 2.2), headers folded over lines
(section 5.2), and a head above its limit if it comes in one piece. A proxy before this server may read each of them
differently, and a second request could hide in the difference.
"""

from __future__ import annotations

from typing import Any

import h11
from h11._receivebuffer import ReceiveBuffer
from hypercorn.protocol.h11 import H2ProtocolAssumedError, H11Protocol

from jubako.server.protocol_config import ProtocolConfig


class StrictBuffer(ReceiveBuffer):
    """What has been received and not been parsed; each head, and the trailers of a body, are looked at before they are.

    Args:
        max_head_bytes: request line and headers.

    Attributes:
        is_over: set when no further request is wanted.
    """

    def __init__(self, max_head_bytes: int) -> None:
        super().__init__()
        self._max_head_bytes = max_head_bytes
        self.is_over = False

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """Take the lines of a head, or of trailers, once they are whole; see h11.

        Raises:
            h11.RemoteProtocolError: they are refused.
        """
        if self.is_over:
            raise h11.RemoteProtocolError("the connection is closed")
        end = 0 if self._data.startswith(b"\r\n") else self._data.find(b"\r\n\r\n")
        head = self._data if end < 0 else self._data[:end]
        if len(head) > self._max_head_bytes:
            raise h11.RemoteProtocolError("the request line and headers are too long", error_status_hint=431)
        if head.count(b"\n") != head.count(b"\r\n"):
            raise h11.RemoteProtocolError("a line ends in a bare line feed")
        if b"\n " in head or b"\n\t" in head:
            raise h11.RemoteProtocolError("a header is folded over several lines")
        return super().maybe_extract_lines()


class StrictParser(h11.Connection):
    """h11's parser of requests, over a `StrictBuffer`.

    Args:
        max_head_bytes: request line and headers; also of a chunk's first line, and of trailers.
    """

    def __init__(self, max_head_bytes: int) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=max_head_bytes)
        self._receive_buffer: StrictBuffer = StrictBuffer(max_head_bytes)

    def end(self) -> None:
        """Take no further request."""
        self._receive_buffer.is_over = True


class Http1(H11Protocol):
    """One connection that speaks HTTP/1.1; arguments are those of Hypercorn's class."""

    def __init__(self, app: Any, config: ProtocolConfig, *arguments: Any) -> None:
        super().__init__(app, config, *arguments)
        self.connection = StrictParser(config.h11_max_incomplete_size)

    @property
    def is_client_sending(self) -> bool:
        """True if more may come of a request that is answered, or was refused."""
        return self.connection.their_state in (h11.SEND_BODY, h11.ERROR)

    @property
    def is_amid_headers(self) -> bool:
        """True if a request has begun to arrive and its headers are not whole."""
        return self.connection.their_state is h11.IDLE and bool(self.connection.trailing_data[0])

    def end(self) -> None:
        """Answer no further request; what the client has sent ahead of its end is nobody's."""
        if isinstance(self.connection, StrictParser):
            self.connection.end()

    async def _send_h11_event(self, event: Any) -> None:
        if isinstance(event, h11.Response) and self.connection.their_state is h11.SEND_BODY:
            # An answer before the end of the body ends the connection, and the client must not send another request.
            headers = [*event.headers.raw_items(), (b"connection", b"close")]
            event = h11.Response(status_code=event.status_code, headers=headers, reason=event.reason)
        await super()._send_h11_event(event)

    async def _check_protocol(self, event: h11.Request) -> None:
        # Hypercorn also takes `Upgrade: h2c`, which leads past the access rules of a proxy that passes it on; RFC 9113
        # has given it up. Clients that know that this server speaks HTTP/2 begin with it.
        if event.method == b"PRI" and event.target == b"*" and event.http_version == b"2.0":
            raise H2ProtocolAssumedError(b"PRI * HTTP/2.0\r\n\r\n" + self.connection.trailing_data[0])
