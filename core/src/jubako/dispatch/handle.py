"""`QueueHandle`: a runner's handle on top of caller queues, from any loop and any thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from jubako.contracts.backend import RunnerCall, RunnerHandle
from jubako.dispatch.caller import CallerQueue
from jubako.dispatch.isolation import late
from jubako.dispatch.messages import SentCall
from jubako.dispatch.pending import Waiter, give_error
from jubako.payloads import PayloadTable
from jubako.runners.arguments import CallArguments, cut_arguments, prepare_arguments
from jubako.runners.specs import MethodSpec
from jubako.values.resources import BatchOptions

_log = logging.getLogger("jubako.dispatch")

# The queue ends every call at its deadline; a thread that waits longer than this beyond it has lost its loop.
_GRACE_S = 5.0

RunPastQueue = Callable[[MethodSpec, SentCall], "concurrent.futures.Future[Any]"]


@attrs.frozen(eq=False)
class MethodQueue:
    """One method of a started runner: how it is called, and the queue of its calls."""

    spec: MethodSpec
    queue: CallerQueue


class QueueHandle(RunnerHandle):
    """Reaches one runner from the serving loop, from other loops, from threads, and from the serving loop's own thread.

    Args:
        runner_name: for messages.
        loop: the serving loop, on which the queues live.
        methods: method name to its queue.
        options: limits by which large calls are cut.
        table: the payload types.
        run_past_queue: computes one call at the replica without the loop, for a sync call on the loop's own thread.
    """

    def __init__(
        self,
        *,
        runner_name: str,
        loop: asyncio.AbstractEventLoop,
        methods: Mapping[str, MethodQueue],
        options: BatchOptions,
        table: PayloadTable,
        run_past_queue: RunPastQueue,
    ) -> None:
        self._runner_name = runner_name
        self._loop = loop
        self._methods = methods
        self._options = options
        self._table = table
        self._run_past_queue = run_past_queue
        self._warned_places: set[tuple[str, int]] = set()

    @property
    def queued_rows(self) -> int:
        """Rows that wait now, of all methods."""
        return sum(method.queue.queued_rows for method in self._methods.values())

    async def call(self, call: RunnerCall) -> Any:
        """See `RunnerHandle`."""
        method = self._methods[call.method]
        arguments = prepare_arguments(call, method.spec, self._table)
        if asyncio.get_running_loop() is self._loop:
            return await self._call_here(method, arguments, call)
        future = asyncio.run_coroutine_threadsafe(self._call_here(method, arguments, call), self._loop)
        return await asyncio.wrap_future(future)

    def call_blocking(self, call: RunnerCall) -> Any:
        """See `RunnerHandle`; on the serving loop's own thread the whole server waits, which is logged once a line."""
        method = self._methods[call.method]
        arguments = prepare_arguments(call, method.spec, self._table)
        waiter: concurrent.futures.Future[Any]
        grace_s = _GRACE_S
        if self._is_on_serving_thread():
            self._warn_of_blocking()
            grace_s = 0.0
            waiter = self._run_past_queue(
                method.spec, SentCall(0, arguments, call.deadline_s, time.monotonic(), call.origin)
            )
        else:
            waiter = concurrent.futures.Future()
            # Not to be cancelled: between its look and its answer, the loop must not find the future changed.
            waiter.set_running_or_notify_cancel()
            self._loop.call_soon_threadsafe(self._submit, method, arguments, call, waiter)
        try:
            return waiter.result(max(0.0, call.deadline_s - time.monotonic()) + grace_s)
        except concurrent.futures.TimeoutError:
            waiter.cancel()
            raise late(self._runner_name) from None

    async def _call_here(self, method: MethodQueue, arguments: CallArguments, call: RunnerCall) -> Any:
        future: asyncio.Future[Any] = self._loop.create_future()
        numbers = self._submit_pieces(method, arguments, call, future)
        try:
            return await future
        except asyncio.CancelledError:
            for number in numbers:
                method.queue.withdraw(number)
            raise

    def _submit(self, method: MethodQueue, arguments: CallArguments, call: RunnerCall, waiter: Waiter) -> None:
        try:
            self._submit_pieces(method, arguments, call, waiter)
        except Exception as error:  # noqa: BLE001  # raised again in the thread that waits
            give_error(waiter, error)

    def _submit_pieces(
        self, method: MethodQueue, arguments: CallArguments, call: RunnerCall, waiter: Waiter
    ) -> list[int]:
        piece_rows = self._piece_rows(arguments)
        if arguments.rows <= piece_rows:
            return method.queue.submit((arguments,), call.deadline_s, (waiter,), call.origin)
        return self._submit_cut(method, arguments, piece_rows, call, waiter)

    def _submit_cut(
        self, method: MethodQueue, arguments: CallArguments, piece_rows: int, call: RunnerCall, waiter: Waiter
    ) -> list[int]:
        starts = range(0, arguments.rows, piece_rows)
        signature = method.spec.signature
        gathering = _Gathering(waiter, len(starts), method.queue, self._table, signature.output_batch_axis)
        # All pieces are admitted as the one call that they are, so that none is refused after others were sent.
        pieces = [
            cut_arguments(arguments, start, min(start + piece_rows, arguments.rows), signature.input_batch_axis)
            for start in starts
        ]
        gathering.numbers = method.queue.submit(
            pieces, call.deadline_s, [gathering.piece(index) for index in range(len(pieces))], call.origin
        )
        return gathering.numbers

    def _piece_rows(self, arguments: CallArguments) -> int:
        if arguments.fit_key is None:
            return arguments.rows
        row_bytes = max(1.0, arguments.size_bytes / max(1, arguments.rows))
        return max(1, min(self._options.max_batch_size, int(self._options.max_batch_bytes / row_bytes)))

    def _is_on_serving_thread(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def _warn_of_blocking(self) -> None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("jubako."):
            frame = frame.f_back
        place = (frame.f_code.co_filename, frame.f_lineno)
        if place not in self._warned_places:
            self._warned_places.add(place)
            _log.warning(
                "%s:%d calls run of runner %r on the event loop, and every other request waits for it; "
                "await async_run there, or make the API a plain def",
                *place,
                self._runner_name,
            )


class _Gathering:
    """Joins the answers to the pieces of a large call; the first error ends it and withdraws the other pieces."""

    def __init__(self, waiter: Waiter, count: int, queue: CallerQueue, table: PayloadTable, axis: int) -> None:
        self.numbers: list[int] = []
        self._waiter = waiter
        self._queue = queue
        self._table = table
        self._axis = axis
        self._values: list[Any] = [None] * count
        self._missing = count

    def piece(self, index: int) -> Waiter:
        """The waiter of one piece."""
        return _Piece(self, index)

    def is_done(self) -> bool:
        """True if the whole call is answered, or nobody waits for it."""
        return self._waiter.done()

    def add(self, index: int, value: Any) -> None:
        """Take one piece's answer."""
        self._values[index] = value
        self._missing -= 1
        if self._missing == 0 and not self._waiter.done():
            try:
                joined = self._table.for_value(self._values[0]).join(self._values, self._axis)
            # Foreign code: a payload type. Its failure is the call's.
            except (Exception, SystemExit) as error:  # noqa: BLE001  # raised again where the caller waits
                give_error(self._waiter, error)
            else:
                self._waiter.set_result(joined)

    def fail(self, error: BaseException) -> None:
        """End the whole call."""
        if not self._waiter.done():
            give_error(self._waiter, error)
        for number in self.numbers:
            self._queue.withdraw(number)


@attrs.frozen(eq=False)
class _Piece:
    """The waiter of one piece of a large call."""

    gathering: _Gathering
    index: int

    def done(self) -> bool:
        return self.gathering.is_done()

    def set_result(self, result: Any, /) -> None:
        self.gathering.add(self.index, result)

    def set_exception(self, exception: BaseException, /) -> None:
        self.gathering.fail(exception)
