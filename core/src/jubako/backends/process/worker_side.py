"""The API worker's end of the channel: one `ReplicaLink` a replica, which connects again whenever it is lost."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from jubako.backends.process.answer_codec import AnswerCodec
from jubako.backends.process.call_codec import CallCodec
from jubako.backends.process.frames import Frame, FrameType, InvalidFrame, encode_frame
from jubako.backends.process.stream import FrameStream, is_peer_of_same_user
from jubako.backends.process.worker_connection import PROTOCOL
from jubako.contracts.backend import BatchRecord
from jubako.dispatch.caller import CallerQueue
from jubako.dispatch.messages import Answer, Line, Receiver, SentCall

_log = logging.getLogger("jubako.backends")

# Between two tries to connect to a socket that nobody listens on, or whose queue is full.
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0
# A replica whose loop answers nothing for so long gets no new calls: it hangs, or is stopped. Together at most 2 s.
_PING_EVERY_S = 0.4
_SILENT_AFTER_S = 1.0


@attrs.define(eq=False)
class RemoteCost:
    """The cost model of a replica, as it last told it; see `CostModel`."""

    is_known: bool = False
    fixed_s: float = 0.0
    per_row_s: float = 0.0

    def estimate_s(self, rows: int) -> float:
        """Seconds for a batch of `rows`; 0 while unknown."""
        return self.fixed_s + self.per_row_s * rows


class RemoteLine:
    """The line of one method's queue to a replica in another process; see `Line`.

    Args:
        stream: the connection.
        method: the method's name.
        calls: lays out calls.
        receiver: the queue's end of the line.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        stream: FrameStream,
        method: str,
        calls: CallCodec,
        receiver: Receiver,
    ) -> None:
        self.cost: RemoteCost = RemoteCost()
        self.receiver = receiver
        self._loop = loop
        self._stream = stream
        self._method = method
        self._calls = calls

    def send(self, calls: Sequence[SentCall]) -> None:
        """See `Line`; a call that cannot be laid out is answered so in the next turn of the loop."""
        self._stream.send(self._calls.encode(self._method, calls, self._refuse))

    def withdraw(self, numbers: Sequence[int]) -> None:
        """See `Line`."""
        self._stream.send(encode_frame(FrameType.WITHDRAW, [self._method, list(numbers)]))

    def close(self) -> None:
        """See `Line`; the end of the connection says it."""

    def _refuse(self, numbers: Sequence[int], error: Exception) -> None:
        self._loop.call_soon(self.receiver.answered, [Answer(number, error=error) for number in numbers])


class ReplicaLink:
    """Keeps one replica connected to the queues of its runner's methods; lives on one event loop.

    The socket's path outlives the replica: while one is replaced, a connection waits at the path for the next.

    Args:
        path: of the replica's listening socket.
        calls: lays out calls.
        answers: reads answers.
        queues: method name to queue.
        on_change: called when the replica is connected, and when it is lost.
        tell_silence: see `RunnerChannels`, of this replica.
    """

    def __init__(
        self,
        path: str,
        calls: CallCodec,
        answers: AnswerCodec,
        queues: Mapping[str, CallerQueue],
        on_change: Callable[[], None],
        tell_silence: Callable[[float | None], None] = lambda _: None,
    ) -> None:
        self.path = path
        self._loop = asyncio.get_running_loop()
        self._calls = calls
        self._answers = answers
        self._queues = queues
        self._on_change = on_change
        self._tell_silence = tell_silence
        self._told_silence: float | None = None
        self._lines: dict[str, RemoteLine] = {}
        self._stream: FrameStream | None = None
        self._lost: asyncio.Future[str] | None = None
        self._pinged_s: float | None = None
        self._is_silent = False
        self._ping_timer = self._loop.call_later(_PING_EVERY_S, self._ping)
        self._task = self._loop.create_task(self._keep_connected())

    @property
    def is_connected(self) -> bool:
        """True if a warm replica is at the other end."""
        return bool(self._lines)

    async def close(self) -> None:
        """End the connection and connect no more."""
        self._task.cancel()
        self._ping_timer.cancel()
        await asyncio.wait([self._task])
        self._lines.clear()
        if self._stream is not None:
            self._stream.close()

    async def _keep_connected(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                connection = self._connect()
            except OSError as error:
                _log.debug("the replica of runner %r at %s: %s", self._calls.runner_name, self.path, error)
            else:
                if await self._until_lost(connection):
                    pause_s = _FIRST_PAUSE_S
                    continue
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            # A Unix socket connects at once or not at all: a full queue is an error, not a wait.
            connection.connect(self.path)
            if not is_peer_of_same_user(connection):
                raise PermissionError("it is served by another user")
        except BaseException:
            connection.close()
            raise
        return connection

    async def _until_lost(self, connection: socket.socket) -> bool:
        """Serve a connection to its end; True if a replica was at the other one."""
        lost = self._lost = self._loop.create_future()
        self._stream = FrameStream(self._loop, connection, self._read, self._ended)
        self._stream.send(encode_frame(FrameType.HELLO, {"protocol": PROTOCOL}))
        reason = await lost
        self._pinged_s = None
        self._is_silent = False
        self._tell(None)
        lines, self._lines = self._lines, {}
        for line in lines.values():
            line.receiver.lost(reason)
        if lines:
            _log.warning("a replica of runner %r is gone: %s", self._calls.runner_name, reason)
            self._on_change()
        return bool(lines)

    def _ended(self, reason: str) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(reason)

    def _ping(self) -> None:
        now_s = self._loop.time()
        if self._pinged_s is not None:
            if now_s - self._pinged_s > _SILENT_AFTER_S and not self._is_silent:
                _log.warning("a replica of runner %r shows no sign of life", self._calls.runner_name)
                self._set_silent(True)
            if self._is_silent:
                self._tell(self._held_until_s())
        elif self._stream is not None and self._lines and not all(queue.is_idle for queue in self._queues.values()):
            self._pinged_s = now_s
            self._stream.send(encode_frame(FrameType.PING, None))
        self._ping_timer = self._loop.call_later(_PING_EVERY_S, self._ping)

    def _set_silent(self, is_silent: bool) -> None:
        self._is_silent = is_silent
        for line in self._lines.values():
            line.receiver.silent(is_silent)
        if not is_silent:
            self._tell(None)

    def _held_until_s(self) -> float:
        held = (self._queues[method].held_until_s(line.receiver) for method, line in self._lines.items())
        return max(held, default=0.0)

    def _tell(self, held_until_s: float | None) -> None:
        if held_until_s != self._told_silence:
            self._told_silence = held_until_s
            self._tell_silence(held_until_s)

    def _read(self, frame: Frame) -> None:
        kind = frame.kind
        self._pinged_s = None
        if self._is_silent:
            self._set_silent(False)
        if not self._lines:
            self._welcomed(frame)
        elif kind is FrameType.ANSWERS:
            method, answers = self._answers.decode(frame)
            self._lines[method].receiver.answered(answers)
        elif kind is FrameType.STARTED:
            method, numbers = frame.meta
            self._lines[method].receiver.started(numbers)
        elif kind is FrameType.COST:
            method, fixed_s, per_row_s = frame.meta
            cost = self._lines[method].cost
            cost.is_known, cost.fixed_s, cost.per_row_s = True, float(fixed_s), float(per_row_s)
        elif kind is FrameType.BATCH:
            record = read_record(frame.meta)
            self._lines[record.method].receiver.batch_returned(record)
        elif kind is FrameType.CREDIT:
            method, rows = frame.meta
            self._lines[method].receiver.credited(rows)
        elif kind is not FrameType.PING:
            raise InvalidFrame(f"a replica sends no {kind.name}.")

    def _welcomed(self, frame: Frame) -> None:
        stream = self._stream
        if stream is None or frame.kind is not FrameType.WELCOME:
            raise InvalidFrame("it did not welcome us.")
        check_welcome(frame.meta, self._calls.runner_name)
        for method, queue in self._queues.items():
            queue.add_replica(partial(self._open_line, stream, method))
        self._on_change()

    def _open_line(self, stream: FrameStream, method: str, receiver: Receiver) -> Line:
        line = self._lines[method] = RemoteLine(self._loop, stream, method, self._calls, receiver)
        return line


def check_welcome(meta: object, runner_name: str) -> None:
    """See that the right replica is at the other end.

    Raises:
        InvalidFrame: it is not.
    """
    if not isinstance(meta, dict) or meta.get("protocol") != PROTOCOL or meta.get("runner") != runner_name:
        raise InvalidFrame(f"{meta!r} is no welcome of runner {runner_name!r}.")


def read_record(meta: Mapping[str, Any]) -> BatchRecord:
    """Read a `BatchRecord` that travelled by the names of its fields.

    Raises:
        TypeError: it has other fields.
    """
    record = BatchRecord(**meta)
    return attrs.evolve(record, queue_s=tuple(record.queue_s))
