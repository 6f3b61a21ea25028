"""`HeldBytes`: bounds what all bodies and answers together take of a process's memory."""

from __future__ import annotations

from jubako.errors import ServiceUnavailable
from jubako.server.exchange import Exchange


class HeldBytes:
    """Counts the bytes that requests have brought, from their arrival to the end of the request, and those of answers.

    Bytes that are only announced do not count: clients that promise bodies and send none would keep others out. What is
    counted is the memory of the raw bytes; values that they are decoded to may take several times as much. Belongs to
    the event loop's thread.

    Args:
        limit: of all requests together; a request that is alone is never refused.

    Attributes:
        total: what is held now.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.total = 0

    def hold(self, exchange: Exchange, size: int) -> None:
        """Count so many bytes more for a request.

        Raises:
            ServiceUnavailable: the others hold so much that these do not fit beside it.
        """
        total = self.total + size
        if total > self._limit and exchange.held_bytes < self.total:
            raise ServiceUnavailable(
                f"The server holds {self.total} bytes of bodies and answers, and {size} more do not fit.",
                why="Many clients send large bodies, or read large answers slowly, at once.",
                do="try again later, or raise server.max_held_bytes",
            )
        self.total = total
        exchange.held_bytes += size

    def let_go(self, exchange: Exchange, size: int) -> None:
        """Count so many bytes less for a request; they are sent."""
        self.total -= size
        exchange.held_bytes -= size

    def release(self, exchange: Exchange) -> None:
        """Count nothing for a request any more; it has ended."""
        self.total -= exchange.held_bytes
        exchange.held_bytes = 0
