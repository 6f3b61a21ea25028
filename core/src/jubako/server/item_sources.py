"""Generators of both kinds as sources of encoded items: `AsyncItems` on the event loop, `ThreadedItems` in threads."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from jubako.runners import call_deadline
from jubako.server.leases import Lease
from jubako.server.thread_pool import ThreadPool

_logger = logging.getLogger(__name__)

END: Any = object()
"""Comes after the last item."""


class AsyncItems:
    """The items of an async generator; for the task that answers the request.

    Args:
        generator: what yields them.
        encode: lays one out.
        encoders: where that is done; None does it on the event loop.
        name: of the API, for the log.
    """

    def __init__(
        self,
        generator: AsyncGenerator[Any, None],
        encode: Callable[[Any], bytes],
        encoders: ThreadPool | None,
        name: str,
    ) -> None:
        self._generator = generator
        self._encode = encode
        self._encoders = encoders
        self._name = name

    async def next(self) -> Any:
        """Return the next item, encoded, or `END`."""
        try:
            item = await self._generator.__anext__()
        except StopAsyncIteration:
            return END
        return self._encode(item) if self._encoders is None else await self._encoders.go_on(self._encode, item)

    async def close(self, timeout_s: float) -> None:
        """Have the generator run what it must at its end, in this very task, for so long at most."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._generator.aclose()
        except Exception:
            _logger.exception("the generator of API %s did not end", self._name)


class ThreadedItems:
    """The items of a sync generator, which runs in threads of a pool, never in two at once, and in one context.

    Args:
        generator: what yields them.
        encode: lays one out, in the same thread.
        threads: the pool.
        lease: of the function's input; kept until the generator has ended.
        name: of the API, for the log.
    """

    def __init__(
        self,
        generator: Generator[Any, None, None],
        encode: Callable[[Any], bytes],
        threads: ThreadPool,
        lease: Lease | None,
        name: str,
    ) -> None:
        self._generator = generator
        self._encode = encode
        self._threads = threads
        self._lease = lease if lease is not None and lease.take() else None
        self._name = name
        # One for all items: what the function sets in one of them it finds, and may take back, in the next.
        self._context = contextvars.copy_context()
        # Guards the three flags.
        self._lock = threading.Lock()
        self._has_begun = False
        self._is_running = False
        self._is_over = False

    async def next(self) -> Any:
        """Return the next item, encoded, or `END`.

        Raises:
            TooManyRequests: it is the first one, and too many calls wait for a thread.
        """
        return await (self._threads.go_on if self._has_begun else self._threads.run)(self._advance)

    async def close(self, timeout_s: float) -> None:
        """Have the generator run what it must at its end, in a thread; returns without waiting for that."""
        with self._lock:
            must_end = not self._is_over and not self._is_running
            # A thread that still has the generator ends it when it gets it back.
            self._is_over = True
        if must_end and self._has_begun:
            self._threads.post(self._end)
        elif must_end:
            self._end()  # which runs nothing of a function that has not begun

    def _advance(self) -> Any:
        with self._lock:
            if self._is_over:
                return END
            self._has_begun = self._is_running = True
        item = END
        try:
            item = self._context.run(self._next_item, call_deadline.get())
        finally:
            with self._lock:
                self._is_running = False
                # It is exhausted, or has failed, or nobody wants more of it.
                self._is_over = must_end = self._is_over or item is END
            if must_end:
                self._end()
        return item

    def _next_item(self, deadline_s: float | None) -> Any:
        call_deadline.set(deadline_s)
        item = next(self._generator, END)
        return END if item is END else self._encode(item)

    def _end(self) -> None:
        try:
            self._context.run(self._generator.close)
        except Exception:
            _logger.exception("the generator of API %s did not end", self._name)
        finally:
            if self._lease is not None:
                self._lease.drop(in_thread=True)
