"""`ComputeThread`: the one thread in which a replica's model runs, so that the event loop never waits for it.

A model that overlaps batches only begins them there; a second thread waits for their ends.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

# One batch runs and one is ready, so that the model never waits for the loop; more would only age in the queue.
_DEPTH = 2

_Job = Callable[[], None]
_Result = TypeVar("_Result")


class Begun:
    """What a job returns that has begun something: it is waited for while the next job begins."""

    def wait(self) -> Any:
        """The job's result, or None if more is to be computed; in the second thread, and must not raise."""
        raise NotImplementedError

    def go_on(self) -> Any:
        """Compute the rest, behind what was begun meanwhile, and return the result; must not raise."""
        raise NotImplementedError


class ComputeThread:
    """Runs jobs one after the other in a thread of its own and brings results to the event loop.

    Jobs begin in the order in which they came. What a job has begun and not finished is waited for in a second thread,
    in the order in which it was begun; that thread is started when first needed.

    Args:
        name: the thread's name, for people who read stack dumps.
        loop: where results are delivered.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._unfinished = 0
        self._is_alone = False
        self._on_room: deque[Callable[[], None]] = deque()
        self._on_begun: list[Callable[[float], None]] = []
        # By number of the job, in the order in which they end, as far as that is known.
        self._until_s: dict[int, float] = {}
        self._submitted = 0
        self._name = name
        self._waits: SimpleQueue[_Job | None] | None = None
        # A daemon: a model that never returns must not keep the process from exiting after its drain time.
        # In a copy of the starter's context: the runner sets up with the workspace that is in force there.
        work = contextvars.copy_context().run
        self._thread = threading.Thread(target=work, args=(self._work,), name=name, daemon=True)
        self._thread.start()

    @property
    def has_room(self) -> bool:
        """True if a batch that is submitted now runs at once or next; never while a batch runs that must be alone."""
        return self._unfinished < _DEPTH and not self._is_alone

    @property
    def is_idle(self) -> bool:
        """True if nothing that was submitted is unfinished."""
        return self._unfinished == 0

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the loop each time a job has ended."""
        self._on_room.append(callback)

    @property
    def running_until_s(self) -> float | None:
        """When the last call of the batch that runs ends, on the clock of `time.monotonic()`; None if none runs."""
        return next(iter(self._until_s.values()), None)

    def when_begun(self, callback: Callable[[float], None]) -> None:
        """Call `callback` on the loop with each batch that is submitted: when its last call ends."""
        self._on_begun.append(callback)

    def submit(
        self, work: Callable[[], Any], done: Callable[[Any], None], *, until_s: float = math.inf, is_alone: bool = False
    ) -> None:
        """Run `work`, which must not raise, and then `done` with its result on the loop; called on the loop.

        Args:
            work: what is run; may return a `Begun`.
            done: gets its result.
            until_s: when nobody waits for it any more.
            is_alone: True if there is no room for anything else until it has ended.
        """
        self._unfinished += 1
        self._is_alone = is_alone
        self._submitted += 1
        number = self._submitted
        self._until_s[number] = until_s
        for callback in self._on_begun:
            callback(until_s)

        def job() -> None:
            result = work()
            if isinstance(result, Begun):
                self._second_thread().put(lambda: self._wait(number, result, done))
            else:
                self._deliver(lambda: self._finish(number, done, result))

        self._jobs.put(job)

    def wait_for(self, work: Callable[[], _Result]) -> _Result:
        """Run `work` in the second thread, after all that is waited for there, and wait for it; called in a job."""
        future: Future[_Result] = Future()

        def wait() -> None:
            try:
                future.set_result(work())
            # Not swallowed: raised again in the thread that waits for it.
            except BaseException as error:  # noqa: BLE001  # raised again where the job waits
                future.set_exception(error)

        self._second_thread().put(wait)
        return future.result()

    def run(self, work: Callable[[], Any]) -> Future[Any]:
        """Run `work` after what was submitted before has ended; from any thread, and without the loop."""
        future: Future[Any] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            if self._waits is not None:
                self.wait_for(lambda: None)
            try:
                future.set_result(work())
            # Not swallowed: handed to the one who waits for it.
            except BaseException as error:  # noqa: BLE001  # raised again where the caller waits
                future.set_exception(error)

        self._jobs.put(job)
        return future

    def stop(self) -> None:
        """End the thread after the jobs that were submitted; does not wait for it."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        if self._waits is not None:
            self._waits.put(None)

    def _second_thread(self) -> SimpleQueue[_Job | None]:
        """What the second thread is to wait for; only for the first thread, which starts it."""
        if self._waits is None:
            waits: SimpleQueue[_Job | None] = SimpleQueue()

            def work() -> None:
                while (wait := waits.get()) is not None:
                    wait()

            in_context = contextvars.copy_context().run
            threading.Thread(target=in_context, args=(work,), name=f"{self._name}-waits", daemon=True).start()
            self._waits = waits
        return self._waits

    def _wait(self, number: int, begun: Begun, done: Callable[[Any], None]) -> None:
        result = begun.wait()
        if result is not None:
            self._deliver(lambda: self._finish(number, done, result))
            return

        def rest() -> None:
            result = begun.go_on()
            self._deliver(lambda: self._finish(number, done, result))

        self._deliver(lambda: self._move_back(number))
        self._jobs.put(rest)

    def _move_back(self, number: int) -> None:
        """Note that a job ends after those that were submitted since."""
        self._until_s[number] = self._until_s.pop(number)

    def _deliver(self, callback: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            # The loop is closed: nobody waits for answers any more.
            return

    def _finish(self, number: int, done: Callable[[Any], None], result: Any) -> None:
        self._unfinished -= 1
        del self._until_s[number]
        self._is_alone = False
        done(result)
        for callback in tuple(self._on_room):
            callback()
        # Another one is asked first next time: of two methods with full queues, neither keeps the other waiting.
        self._on_room.rotate(-1)
