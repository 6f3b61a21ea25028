"""`ThreadPool`: a bounded number of threads for functions that block, and a bounded number of calls that wait for one.

Not `concurrent.futures`: its threads keep the interpreter from exiting, and one function that never returns would
keep a stopped server alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from jubako.errors import InternalServerError, TooManyRequests

_Result = TypeVar("_Result")


class _Job:
    """One call on its way through the pool."""

    __slots__ = ("arguments", "context", "error", "function", "future", "loop", "value")

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.context = contextvars.copy_context()
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self.context.run(self.function, *self.arguments)
        except Exception as error:  # noqa: BLE001  # raised again where the caller waits
            self.error = error
        except BaseException as error:  # noqa: BLE001  # user code called sys.exit: an error of that call, not of the server
            self.error = InternalServerError(f"A function raised {type(error).__name__}.")
            self.error.__cause__ = error


class ThreadPool:
    """Runs functions in daemon threads that are started as they are needed; used from one event loop's thread.

    A call that is cancelled while it waits gives its place back at once, and nothing keeps its arguments. One that is
    cancelled while it runs cannot be stopped: its thread counts as taken until the function returns.

    Args:
        name: of the threads.
        threads: at most.
        waiting: calls that may wait for a thread.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._name = name
        self._max_threads = threads
        self._max_calls = threads + waiting
        # Not a queue.SimpleQueue: nothing can be taken out of its middle. None ends a thread.
        self._waiting: deque[_Job | None] = deque()
        # Guards what waits, and wakes a thread.
        self._arrival = threading.Condition(threading.Lock())
        self._threads: list[threading.Thread] = []
        self._calls = 0
        self._abandoned = 0

    @property
    def abandoned(self) -> int:
        """Threads whose caller has gone, because of a timeout or of its own will."""
        return self._abandoned

    @property
    def is_stuck(self) -> bool:
        """True if every thread runs a call that nobody waits for."""
        return self._abandoned >= self._max_threads

    async def run(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Call the function in a thread, with a copy of the caller's context variables, and await its result.

        Raises:
            TooManyRequests: all threads are taken and as many calls wait as may.
        """
        if self._calls >= self._max_calls:
            raise TooManyRequests(
                f"{self._calls} calls are running or waiting for one of {self._max_threads} threads.",
                why="That is as many as may.",
                do="try again later, or raise server.sync_threads or server.sync_waiting",
            )
        return await self.go_on(function, *arguments)

    async def go_on(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Call the function as `run` does, for a request that has been taken up: however many calls wait, it waits."""
        job = self._start(function, arguments)
        try:
            await job.future
        except asyncio.CancelledError:
            if self._withdraw(job):
                self._calls -= 1
            elif not job.future.done() or job.future.cancelled():
                self._abandoned += 1
            raise
        if job.error is not None:
            raise job.error
        result: _Result = job.value
        return result

    def post(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call the function in a thread when one is free, and wait for nothing; what it raises is lost."""
        self._start(function, arguments)

    def close(self) -> None:
        """Let the threads end; one that is still in a function ends after it, or with the process."""
        for _ in self._threads:
            self._put(None)
        self._threads.clear()

    def _start(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> _Job:
        job = _Job(function, arguments)
        self._calls += 1
        if len(self._threads) < min(self._calls, self._max_threads):
            self._start_thread()
        self._put(job)
        return job

    def _put(self, job: _Job | None) -> None:
        with self._arrival:
            self._waiting.append(job)
            self._arrival.notify()

    def _take(self) -> _Job | None:
        with self._arrival:
            while not self._waiting:
                self._arrival.wait()
            return self._waiting.popleft()

    def _withdraw(self, job: _Job) -> bool:
        """Take a job back that still waits; False if a thread has it."""
        with self._arrival:
            try:
                self._waiting.remove(job)
            except ValueError:
                return False
            return True

    def _start_thread(self) -> None:
        name = f"jubako-{self._name}-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._take()) is not None:
            job.run()
            # RuntimeError: the loop is closed, and whoever waited with it.
            with contextlib.suppress(RuntimeError):
                job.loop.call_soon_threadsafe(self._note_return, job)
            del job  # or the arguments would live until the next call

    def _note_return(self, job: _Job) -> None:
        self._calls -= 1
        if job.future.cancelled():
            self._abandoned -= 1
        else:
            job.future.set_result(None)
