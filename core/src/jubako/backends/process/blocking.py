"""A call over a blocking connection of its own, for sync code on the event loop's own thread."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from jubako.backends.process.answer_codec import AnswerCodec
from jubako.backends.process.call_codec import CallCodec
from jubako.backends.process.frames import Frame, FrameReader, FrameType, InvalidFrame, encode_frame
from jubako.backends.process.worker_connection import PROTOCOL
from jubako.backends.process.worker_side import check_welcome
from jubako.dispatch.isolation import late
from jubako.dispatch.losses import error_of_loss, error_of_outage
from jubako.dispatch.messages import Answer, SentCall
from jubako.errors import ServiceUnavailable

_PAUSE_S = 0.02
# Between two looks whether it still makes sense to wait for a replica that is being started.
_LOOK_EVERY_S = 0.1


class BlockingCaller:
    """Computes one call after the other at a replica; blocks the calling thread, at most until the call's deadline.

    Args:
        calls: lays out calls.
        answers: reads answers.
        is_idempotent: False if a call that a dying replica may have computed must not be computed again.

    Attributes:
        outage: why no replica serves and none is being started; None if that is not so. Set by any thread.
    """

    def __init__(self, calls: CallCodec, answers: AnswerCodec, *, is_idempotent: bool) -> None:
        self._calls = calls
        self._answers = answers
        self._is_idempotent = is_idempotent
        self.outage: str | None = None

    def call(self, paths: Sequence[str], method: str, call: SentCall) -> Any:
        """Return the call's answer.

        Args:
            paths: sockets of the replicas, the best first.
            method: the method's name.
            call: what is computed.

        Raises:
            DeadlineExceeded: there is none by the deadline.
            ServiceUnavailable: no replica serves and none is being started; also if that comes to be so meanwhile.
            JubakoError: the call failed, as it does over the queue.
        """
        tries = 0
        while True:
            try:
                answer = self._exchange(paths[tries % len(paths)], method, call)
            except TimeoutError as error:
                raise late(self._calls.runner_name) from error
            except _Lost as lost:
                ended = error_of_loss(
                    self._calls.runner_name, call, str(lost), is_blamed=True, is_idempotent=self._is_idempotent
                )
                if ended is not None:
                    raise ended from lost
                arguments = attrs.evolve(call.arguments, fit_key=None)
                call = attrs.evolve(call, tries=call.tries + 1, arguments=arguments)
                tries += 1
                continue
            except OSError:
                # Nobody listens, for a moment or for good: the deadline decides, unless the supervisor does.
                self._check_replicas()
                tries += 1
                time.sleep(_PAUSE_S)
                continue
            if answer.share is None:
                raise answer.error or ServiceUnavailable("an answer has a share or an error")
            return answer.share.take()

    def _exchange(self, path: str, method: str, call: SentCall) -> Answer:
        refused: list[Answer] = []
        pieces = self._calls.encode(
            method, [call], lambda numbers, error: refused.append(Answer(numbers[0], error=error))
        )
        if refused:
            return refused[0]
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            _limit(connection, call)
            connection.connect(path)
            _send(connection, encode_frame(FrameType.HELLO, {"protocol": PROTOCOL}), call)
            # It may be the system that has taken the connection, for a replica that is still to come.
            self._wait_for_replica(connection, call)
            frames = self._frames(connection, call)
            welcome = next(frames)
            if welcome.kind is not FrameType.WELCOME:
                raise InvalidFrame("it did not welcome us.")
            check_welcome(welcome.meta, self._calls.runner_name)
            try:
                _send(connection, pieces, call)
                return next(
                    answer
                    for frame in frames
                    if frame.kind is FrameType.ANSWERS
                    for answer in self._answers.decode(frame)[1]
                )
            except TimeoutError:
                raise
            except OSError as error:
                raise _Lost(str(error)) from error

    def _wait_for_replica(self, connection: socket.socket, call: SentCall) -> None:
        waiting = select.poll()
        waiting.register(connection, select.POLLIN)
        while not waiting.poll(1000 * min(_LOOK_EVERY_S, _remaining_s(call))):
            self._check_replicas()

    def _check_replicas(self) -> None:
        outage = self.outage
        if outage is not None:
            raise error_of_outage(self._calls.runner_name, outage)

    def _frames(self, connection: socket.socket, call: SentCall) -> Iterator[Frame]:
        reader = FrameReader()
        while True:
            _limit(connection, call)
            count = connection.recv_into(reader.space())
            if count == 0:
                raise ConnectionResetError("it ended")
            yield from reader.received(count)


class _Lost(Exception):
    """The replica died while it had the call."""


def _limit(connection: socket.socket, call: SentCall) -> None:
    connection.settimeout(_remaining_s(call))


def _remaining_s(call: SentCall) -> float:
    remaining_s = call.deadline_s - time.monotonic()
    if remaining_s <= 0:
        raise TimeoutError
    return remaining_s


def _send(connection: socket.socket, pieces: Sequence[Any], call: SentCall) -> None:
    for piece in pieces:
        _limit(connection, call)
        connection.sendall(piece)
