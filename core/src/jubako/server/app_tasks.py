"""`AppTasks`: runs an application for the requests of one connection, with an inbox that cannot jam.

Hypercorn's own queue blocks whoever puts into a full one, the end of the stream included: an application that answers
without reading a long body (413) would leave both its task and the connection's waiting for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.config import Config

from jubako.contracts.http_server import ASGIApp

_logger = logging.getLogger(__name__)

_Put = Callable[[Any], Awaitable[None]]
_Send = Callable[[Any], Awaitable[None]]

_DISCONNECTS = ("http.disconnect", "websocket.disconnect")


class Inbox:
    """Messages on their way to one application; one task puts, one gets, in one event loop.

    Args:
        limit: messages that may wait before `put` does.
    """

    __slots__ = ("_getter", "_is_closed", "_limit", "_messages", "_putter")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: deque[dict[str, Any]] = deque()
        self._getter: asyncio.Future[None] | None = None
        self._putter: asyncio.Future[None] | None = None
        self._is_closed = False

    async def put(self, message: dict[str, Any]) -> None:
        """Add a message, once there is room; a disconnect always has room, and what comes after it is dropped."""
        if message["type"] in _DISCONNECTS:
            self.close()
        else:
            # A message of a WebSocket is whole, and may be as large as a body: no more than one waits.
            limit = 1 if message["type"] == "websocket.receive" else self._limit
            while len(self._messages) >= limit and not self._is_closed:
                self._putter = asyncio.get_running_loop().create_future()
                await self._putter
            if self._is_closed:
                return
        self._messages.append(message)
        if self._getter is not None and not self._getter.done():
            self._getter.set_result(None)

    async def get(self) -> dict[str, Any]:
        """Take the oldest message, once there is one; after a disconnect, that again and again."""
        while not self._messages:
            self._getter = asyncio.get_running_loop().create_future()
            await self._getter
        if self._is_closed and len(self._messages) == 1:
            return self._messages[0]
        message = self._messages.popleft()
        self._let_put()
        return message

    def close(self) -> None:
        """Take no more messages; whoever waits to put one goes on."""
        self._is_closed = True
        self._let_put()

    def _let_put(self) -> None:
        if self._putter is not None and not self._putter.done():
            self._putter.set_result(None)


class AppTasks(TaskGroup):
    """The tasks of one connection; takes the place of Hypercorn's class of the same purpose."""

    async def spawn_app(self, app: Any, config: Config, scope: Any, send: _Send) -> _Put:
        """Start the application for one request and return what puts messages into its inbox."""
        inbox = Inbox(config.max_app_queue_size)
        self.spawn(_answer, app, scope, inbox, send)
        return inbox.put


async def _answer(app: ASGIApp, scope: dict[str, Any], inbox: Inbox, send: _Send) -> None:
    try:
        await app(scope, inbox.get, send)
    except Exception:
        # Hypercorn answers 500, or ends an answer that has begun.
        _logger.exception("the application failed")
    finally:
        inbox.close()
        await send(None)
