"""`Http1`: Hypercorn's HTTP/1.1 over a parser that refuses what two servers could read in two ways.

h11 takes what RFC 9112 lets a server take: lines that end in a bare line feed (section 2.2), headers folded over lines
(section 5.2), and a head above its limit if it comes in one piece. A proxy before this server may read each of them
differently, and a second request could hide in the difference.
"""

from __future__ import annotations

from typing import Any

import h11
from hypercorn.protocol.h11 import H2ProtocolAssumedError, H11Protocol

from jubako.server.protocol_config import ProtocolConfig

_END_OF_HEAD = b"\r\n\r\n"


class StrictParser(h11.Connection):
    """h11's parser of requests, with each head looked at before it is parsed.

    Args:
        max_head_bytes: request line and headers; also of a chunk's first line, and of trailers.

    Attributes:
        is_over: set when no further request is wanted.
    """

    def __init__(self, max_head_bytes: int) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=max_head_bytes)
        self._max_head_bytes = max_head_bytes
        self.is_over = False

    def next_event(self) -> Any:
        """Parse the next event; see h11.

        Raises:
            h11.RemoteProtocolError: also for the heads that are refused here.
        """
        if self.their_state is h11.IDLE:
            self._check_head()
        return super().next_event()

    def _check_head(self) -> None:
        if self.is_over:
            raise h11.RemoteProtocolError("the connection is closed")
        head, _, _ = self.trailing_data[0].partition(_END_OF_HEAD)
        if len(head) > self._max_head_bytes:
            raise h11.RemoteProtocolError("the request line and headers are too long", error_status_hint=431)
        if head.count(b"\n") != head.count(b"\r\n"):
            raise h11.RemoteProtocolError("a line ends in a bare line feed")
        if b"\n " in head or b"\n\t" in head:
            raise h11.RemoteProtocolError("a header is folded over several lines")


class Http1(H11Protocol):
    """One connection that speaks HTTP/1.1; arguments are those of Hypercorn's class."""

    def __init__(self, app: Any, config: ProtocolConfig, *arguments: Any) -> None:
        super().__init__(app, config, *arguments)
        self.connection: StrictParser = StrictParser(config.h11_max_incomplete_size)

    @property
    def is_client_sending(self) -> bool:
        """True if more may come of a request that is answered, or was refused."""
        return self.connection.their_state in (h11.IDLE, h11.SEND_BODY, h11.ERROR)

    @property
    def is_amid_headers(self) -> bool:
        """True if a request has begun to arrive and its headers are not whole."""
        return self.connection.their_state is h11.IDLE and bool(self.connection.trailing_data[0])

    def end(self) -> None:
        """Answer no further request; what the client has sent ahead of its end is nobody's."""
        self.connection.is_over = True

    async def _check_protocol(self, event: h11.Request) -> None:
        # Hypercorn also takes `Upgrade: h2c`, which leads past the access rules of a proxy that passes it on; RFC 9113
        # has given it up. Clients that know that this server speaks HTTP/2 begin with it.
        if event.method == b"PRI" and event.target == b"*" and event.http_version == b"2.0":
            raise H2ProtocolAssumedError(b"PRI * HTTP/2.0\r\n\r\n" + self.connection.trailing_data[0])
