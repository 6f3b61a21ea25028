"""One API worker's connection, as its replica sees it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence

import attrs

from jubako.backends.process.answer_codec import AnswerCodec
from jubako.backends.process.call_codec import CallCodec
from jubako.backends.process.frames import Buffer, Frame, FrameType, InvalidFrame, encode_frame
from jubako.backends.process.stream import ENDED, FrameStream
from jubako.contracts.backend import BatchRecord
from jubako.dispatch.lane import Lane
from jubako.dispatch.messages import Answer, Line

_log = logging.getLogger("jubako.backends")

PROTOCOL = 1
# A worker says hello in the same turn in which it connects.
_HELLO_WITHIN_S = 10.0


class WorkerConnection:
    """Carries the calls of one API worker to the lanes, and their answers back.

    Args:
        loop: where the lanes live.
        connection: accepted, non-blocking.
        runner_name: for the greeting and the log.
        lanes: method name to lane.
        calls: reads calls.
        answers: lays out answers.
        on_progress: called when calls were dropped.
        on_closed: told of the end, once.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        *,
        runner_name: str,
        lanes: Mapping[str, Lane],
        calls: CallCodec,
        answers: AnswerCodec,
        on_progress: Callable[[], None],
        on_closed: Callable[[WorkerConnection], None],
    ) -> None:
        self._loop = loop
        self._runner_name = runner_name
        self._lanes = lanes
        self._calls = calls
        self.answers = answers
        self._on_progress = on_progress
        self._on_closed = on_closed
        self._ways: dict[str, _WayBack] = {}
        self._unsent: list[Buffer] = []
        self._is_open = True
        self._stream = FrameStream(loop, connection, self._read, self._ended)
        self._hello_timer = loop.call_later(_HELLO_WITHIN_S, self._ended, "it did not say hello")

    def send_soon(self, pieces: Sequence[Buffer]) -> None:
        """Send in this turn of the loop, together with what else is sent in it."""
        if not self._unsent:
            self._loop.call_soon(self.send_now, ())
        self._unsent += pieces

    def send_now(self, pieces: Sequence[Buffer]) -> None:
        """Send at once, after what was to be sent soon."""
        unsent, self._unsent = self._unsent, []
        self._stream.send([*unsent, *pieces])

    async def flushed(self) -> None:
        """Wait until everything has left, or the connection has ended."""
        self.send_now(())
        await self._stream.flushed()

    def close(self) -> None:
        """End the connection; calls that wait are dropped. May be called twice."""
        if self._is_open:
            self._is_open = False
            self._hello_timer.cancel()
            self._stream.close()
            for way in self._ways.values():
                way.line.close()
            self._on_closed(self)
            self._on_progress()

    def _ended(self, reason: str) -> None:
        if self._is_open:
            # A worker that has gone by itself is the supervisor's to report; what is broken is told here.
            _log.log(
                logging.DEBUG if reason == ENDED else logging.WARNING,
                "runner %r lost the connection of an API worker: %s",
                self._runner_name,
                reason,
            )
            self.close()

    def _read(self, frame: Frame) -> None:
        if not self._ways:
            self._greet(frame)
        elif frame.kind is FrameType.CALLS:
            method, calls = self._calls.decode(frame, lambda numbers, error: self._refuse(frame, numbers, error))
            self._ways[method].line.send(calls)
        elif frame.kind is FrameType.WITHDRAW:
            method, numbers = frame.meta
            self._ways[method].line.withdraw(numbers)
            self._on_progress()
        elif frame.kind is FrameType.PING:
            self.send_soon(encode_frame(FrameType.PING, frame.meta))
        else:
            raise InvalidFrame(f"an API worker sends no {frame.kind.name}.")

    def _greet(self, frame: Frame) -> None:
        if frame.kind is not FrameType.HELLO or frame.meta != {"protocol": PROTOCOL}:
            raise InvalidFrame("it said no hello of this version.")
        self._hello_timer.cancel()
        welcome = {"protocol": PROTOCOL, "runner": self._runner_name, "pid": os.getpid()}
        self.send_soon(encode_frame(FrameType.WELCOME, welcome))
        for method, lane in self._lanes.items():
            way = self._ways[method] = _WayBack(self, method)
            way.line = lane.open_line(way)
            way.tell_cost()

    def _refuse(self, frame: Frame, numbers: Sequence[int], error: Exception) -> None:
        method = frame.meta[0]
        self._ways[method].answered([Answer(number, error=error) for number in numbers])


class _WayBack:
    """What a lane sees of one worker's queue: the receiver of the line that the worker's calls come in by."""

    line: Line

    def __init__(self, connection: WorkerConnection, method: str) -> None:
        self._connection = connection
        self._method = method
        self._told_cost: tuple[float, float] | None = None

    def answered(self, answers: Sequence[Answer]) -> None:
        """See `Receiver`."""
        self._connection.send_soon(self._connection.answers.encode(self._method, answers))
        self.tell_cost()

    def credited(self, rows: int) -> None:
        """See `Receiver`."""
        self._connection.send_soon(encode_frame(FrameType.CREDIT, [self._method, rows]))

    def started(self, numbers: Sequence[int]) -> None:
        """See `Receiver`; leaves before the batch can kill this process."""
        self._connection.send_now(encode_frame(FrameType.STARTED, [self._method, list(numbers)]))

    def batch_returned(self, record: BatchRecord) -> None:
        """See `Receiver`."""
        self._connection.send_soon(encode_frame(FrameType.BATCH, attrs.asdict(record)))
        # Not only with answers: a worker whose calls are all late would never hear that they are bound to be.
        self.tell_cost()

    def silent(self, is_silent: bool) -> None:
        """See `Receiver`; a lane in the same process is as alive as this is."""

    def lost(self, reason: str) -> None:
        """See `Receiver`; a lane in the same process is never lost."""

    def tell_cost(self) -> None:
        """Send what a batch costs, if that has changed."""
        cost = self.line.cost
        if cost.is_known and (cost.fixed_s, cost.per_row_s) != self._told_cost:
            self._told_cost = (cost.fixed_s, cost.per_row_s)
            self._connection.send_soon(encode_frame(FrameType.COST, [self._method, *self._told_cost]))
