"""`StartAndStop`: the user's functions round the life of an application, and the lifespans of what is mounted."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any

from jubako.contracts.http_server import ASGIApp
from jubako.errors import InternalServerError, JubakoError
from jubako.server.lifespan import Lifespan
from jubako.server.mounts import Mounted
from jubako.server.thread_pool import ThreadPool
from jubako.services import Service
from jubako.services.mounting import WsgiApp, hook_name

_logger = logging.getLogger(__name__)


class StartAndStop:
    """Starts in this order: the functions of `on_startup`, the mounted applications; stops in the reverse one.

    Args:
        service: whose functions they are.
        mounts: its mounted applications.
        threads: where sync functions run.
    """

    def __init__(self, service: Service, mounts: Sequence[Mounted], threads: ThreadPool) -> None:
        self._service = service
        self._mounts = mounts
        self._threads = threads
        self._lifespans: list[tuple[str, Lifespan]] = []

    async def start(self) -> None:
        """Start all, one after the other; what has been started is stopped again if one fails.

        Raises:
            InternalServerError: a function raised, or a mounted application did not start; says which.
        """
        service = self._service
        functions = [*_overridden(service, "on_asgi_app_startup"), *service.startup_functions]
        for function in functions:
            await self._call_at_start(function)
        try:
            for mounted in self._mounts:
                await self._start_mount(mounted)
        except BaseException:
            await self._stop_mounts()
            raise

    async def stop(self) -> None:
        """Stop all; what fails is logged, and the rest is stopped all the same."""
        await self._stop_mounts()
        service = self._service
        functions = [*reversed(service.shutdown_functions), *_overridden(service, "on_asgi_app_shutdown")]
        for function in functions:
            try:
                await self._call(function)
            except (Exception, asyncio.CancelledError) as error:
                if _is_cancelled(error):
                    raise
                _logger.exception("the on_shutdown function %s of service %r failed", hook_name(function), service.name)

    async def _call_at_start(self, function: Callable[[], Any]) -> None:
        try:
            await self._call(function)
        except (Exception, asyncio.CancelledError, SystemExit) as error:
            if _is_cancelled(error):
                raise
            name = hook_name(function)
            _logger.exception("the on_startup function %s of service %r failed", name, self._service.name)
            raise InternalServerError(
                f"the on_startup function {name} of service {self._service.name!r} failed.",
                why=f"{type(error).__name__}: {error}",
            ) from error

    async def _call(self, function: Callable[[], Any]) -> None:
        if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004 - an object with a coroutine function of that name
            await function()
            return
        result = await self._threads.run(function)
        if inspect.isawaitable(result):  # such as a lambda or a partial of a coroutine function
            await result

    async def _start_mount(self, mounted: Mounted) -> None:
        if isinstance(mounted.mount.app, WsgiApp):
            return
        app: ASGIApp = mounted.mount.app
        lifespan = Lifespan(app)
        words = f"the application mounted at {mounted.mount.path!r} by service {self._service.name!r}"
        self._lifespans.append((words, lifespan))
        try:
            await lifespan.start(asyncio.Event())
        except JubakoError as error:
            # Its own last line says what it is; what stands above is a traceback, which belongs into the log.
            _logger.error("%s did not start: %s", words, error)
            lines = str(error).strip().splitlines()
            raise InternalServerError(f"{words} did not start.", why=lines[-1] if lines else "") from error
        mounted.state = lifespan.state

    async def _stop_mounts(self) -> None:
        while self._lifespans:
            words, lifespan = self._lifespans.pop()
            await lifespan.stop()
            if lifespan.stop_failure:
                _logger.error("%s did not stop cleanly: %s", words, lifespan.stop_failure)


def _overridden(service: Service, name: str) -> list[Callable[[], Any]]:
    """The method of a subclass, or what was assigned to the object; none if it is the empty one."""
    method = getattr(service, name)
    return [] if getattr(method, "__func__", None) is getattr(Service, name) else [method]


def _is_cancelled(error: BaseException) -> bool:
    """True if this task is meant; a function that awaited something that was cancelled has an error of its own."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
