"""`HttpServer`: what speaks HTTP to the ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    # For annotations alone: `import jubako` loads this module, and would load asyncio with it.
    import asyncio
    import socket

ASGIReceive = Callable[[], Awaitable[dict[str, Any]]]
ASGISend = Callable[[dict[str, Any]], Awaitable[None]]
ASGIApp = Callable[[dict[str, Any], ASGIReceive, ASGISend], Awaitable[None]]


class HttpServer(Protocol):
    """One coroutine; touches no signal. Checked by `jubako.testing.HttpServerTests`."""

    async def __call__(
        self,
        app: ASGIApp,
        sockets: Sequence[socket.socket],
        settings: Any,
        ready: Callable[[], None],
        stop: asyncio.Event,
    ) -> None:
        """Serve until `stop` is set and nothing is in flight.

        Args:
            app: the ASGI application; its lifespan is run here.
            sockets: bound and listening; owned by the caller, who closes them.
            settings: the `server` section of the settings.
            ready: called once, when requests are accepted.
            stop: once set, no new connection is taken; what is in flight has `settings.drain_s` seconds, and what is
                left then is answered 503 or cut.

        Raises:
            JubakoError: the application did not start.
        """
