"""`ProtocolConfig`: what Hypercorn's protocols are told of the settings."""

from __future__ import annotations

import logging
import time
from wsgiref.handlers import format_date_time

from hypercorn.config import Config

from jubako.settings import ServerSettings

# Bounds what one connection can leave behind in counters; no client reaches it by accident.
_MAX_REQUESTS_A_CONNECTION = 1_000_000

# So that the system notices a WebSocket's client that has vanished, and proxies take none for idle.
_PING_S = 20.0


class ProtocolConfig(Config):
    """Hypercorn's configuration, as far as its protocols look at it.

    Args:
        settings: the limits.

    Attributes:
        is_draining: set when the server stops, so that answers say so.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.h11_max_incomplete_size = settings.max_header_bytes
        self.h2_max_header_list_size = settings.max_header_bytes
        self.keep_alive_max_requests = _MAX_REQUESTS_A_CONNECTION
        self.websocket_max_message_size = settings.max_body_bytes
        self.websocket_ping_interval = _PING_S
        self.errorlog = logging.getLogger("jubako.server.hypercorn")
        self._date_second = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self.is_draining = False

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        """The date, formatted once a second (Hypercorn does it for each response, 12 µs), and no server's name.

        While the server drains, HTTP/1.1 clients are told that the connection is closed after the answer.
        """
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self._headers = [(b"date", format_date_time(second).encode("ascii"))]
        if self.is_draining and protocol == "h11":
            return [*self._headers, (b"connection", b"close")]
        return self._headers
