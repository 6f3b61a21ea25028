"""`Lifespan`: starts and stops an ASGI application through its lifespan, for an HTTP server."""

from __future__ import annotations

import asyncio
from typing import Any

from jubako.contracts.http_server import ASGIApp
from jubako.errors import InternalServerError


class Lifespan:
    """Runs one application's lifespan; an application that knows no lifespan is served without.

    Args:
        app: the application.

    Attributes:
        state: what the application keeps for its requests.
        stop_failure: what it said, or raised, of a stop that failed; empty if none did.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.state: dict[str, Any] = {}
        self.stop_failure = ""
        self._app = app
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._has_started = asyncio.Event()
        self._has_stopped = asyncio.Event()
        self._failure: str | None = None
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self, stop: asyncio.Event) -> bool:
        """Start the application and wait until it is ready, as long as that takes.

        Args:
            stop: gives up the start when it is set.

        Returns:
            True if the application is ready, False if `stop` was set first.

        Raises:
            InternalServerError: the application says that it cannot start; its words are the message.
        """
        self._task = asyncio.create_task(self._run())
        self._inbox.put_nowait({"type": "lifespan.startup"})
        starting = asyncio.create_task(self._has_started.wait())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            starting.cancel()
        if self._failure is not None or self._task.done():
            # Raises what `_run` does not take for the lack of a lifespan: an error that is no Exception.
            await self._task
        if self._failure is not None:
            raise InternalServerError(self._failure)
        return self._has_started.is_set()

    async def stop(self) -> None:
        """Stop the application and wait for it; nothing happens if it never started, or knows no lifespan."""
        if self._task is None or self._task.done():
            return
        if self._has_started.is_set():
            self._is_stopping = True
            self._inbox.put_nowait({"type": "lifespan.shutdown"})
            await self._has_stopped.wait()
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"spec_version": "2.0", "version": "3.0"}, "state": self.state}
        try:
            await self._app(scope, self._inbox.get, self._send)
        except Exception as error:
            # An application without a lifespan raises before it answers, which the ASGI specification allows. One that
            # raises later has failed, but there is nothing left to do for it: `start` or `stop` returns.
            if self._failure is not None:
                return  # it has said why before
            if self._is_stopping:
                self.stop_failure = self.stop_failure or f"{type(error).__name__}: {error}"
            elif self._has_started.is_set() and not self._has_stopped.is_set():
                raise InternalServerError("The application's lifespan failed.") from error
        finally:
            self._has_started.set()
            self._has_stopped.set()

    async def _send(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "lifespan.startup.complete":
                self._has_started.set()
            case "lifespan.startup.failed":
                self._failure = message.get("message") or "The application did not start."
                self._has_started.set()
            case "lifespan.shutdown.complete" | "lifespan.shutdown.failed":
                if message["type"] == "lifespan.shutdown.failed":
                    self.stop_failure = message.get("message") or "it gave no reason"
                self._has_stopped.set()
