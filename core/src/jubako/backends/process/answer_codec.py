"""Answers as frames, and back: the result of a batch is sent once, or the rows of it that this caller asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from jubako.backends.process.error_codec import decode_error, encode_error
from jubako.backends.process.frames import Buffer, Frame, FrameTooLarge, FrameType, encode_frame
from jubako.backends.process.value_codec import next_part, unsendable, write_rows, write_value
from jubako.dispatch.messages import Answer
from jubako.payloads import PayloadTable
from jubako.runners.execution import Share


@attrs.frozen(eq=False)
class _Shared:
    """Answers to calls that lie side by side in one result."""

    numbers: list[int]
    shares: list[Share]


@attrs.frozen
class AnswerCodec:
    """Lays out answers of one runner.

    Args:
        runner_name: for messages.
        table: the payload types.
    """

    runner_name: str
    table: PayloadTable

    def encode(self, method: str, answers: Sequence[Answer]) -> list[Buffer]:
        """Make the frame of answers, or several if it is too large for one.

        An answer that cannot be laid out becomes an error of its call.
        """
        errors: list[Any] = []
        spans: list[Any] = []
        buffers: list[Any] = []
        for answer in answers:
            if answer.share is None:
                error = answer.error or RuntimeError("an answer has a share or an error")
                errors.append([answer.number, encode_error(error)])
        for shared in _side_by_side(answers):
            mark = len(buffers)
            try:
                spans.append(self._write_span(shared, buffers))
            # Foreign code: pickles and payload types raise whatever they like, and it is these calls' own fault.
            except Exception as error:  # noqa: BLE001  # given to the callers
                del buffers[mark:]
                record = encode_error(unsendable(self.runner_name, "an answer", error))
                errors += [[number, record] for number in shared.numbers]
        try:
            return encode_frame(FrameType.ANSWERS, [method, spans, errors], buffers)
        # A type error is a header that is no JSON.
        except (FrameTooLarge, TypeError) as error:
            if len(answers) == 1:
                failure = unsendable(self.runner_name, "an answer", error)
                return self.encode(method, [Answer(answers[0].number, error=failure)])
            middle = len(answers) // 2
            return [*self.encode(method, answers[:middle]), *self.encode(method, answers[middle:])]

    def decode(self, frame: Frame) -> tuple[str, list[Answer]]:
        """Read what `encode` made; an answer that cannot be read here becomes an error of its call.

        Raises:
            Exception: of many kinds, if it is no such frame.
        """
        method, spans, errors = frame.meta
        answers = [Answer(number, error=decode_error(record)) for number, record in errors]
        buffers = iter(frame.buffers)
        for numbers, starts, stops, singles, rows, axis, part in spans:
            unread = next_part(part, buffers)
            try:
                result = unread.decode(self.table)
                payload = self.table.for_value(result) if unread.has_rows else None
            # Foreign code, as above.
            except Exception as error:  # noqa: BLE001  # given to the callers
                answers += [
                    Answer(number, error=unsendable(self.runner_name, "an answer", error)) for number in numbers
                ]
                continue
            if payload is None:
                answers.append(Answer(numbers[0], Share(result)))
                continue
            for number, start, stop, is_single in zip(numbers, starts, stops, singles, strict=True):
                answers.append(Answer(number, Share(result, payload, start, stop, rows, axis, is_single)))
        return method, answers

    def _write_span(self, shared: _Shared, buffers: list[Any]) -> list[Any]:
        first, last = shared.shares[0], shared.shares[-1]
        if first.payload is None:
            return [shared.numbers, [], [], [], 0, 0, write_value(self.table, first.result, buffers)]
        offset, rows = first.start, last.stop - first.start
        result = first.result
        if rows != first.rows:
            result = first.payload.cut(result, first.start, last.stop, first.axis)
        return [
            shared.numbers,
            [share.start - offset for share in shared.shares],
            [share.stop - offset for share in shared.shares],
            [share.is_single for share in shared.shares],
            rows,
            first.axis,
            write_rows(first.payload, result, buffers),
        ]


def _side_by_side(answers: Sequence[Answer]) -> Iterator[_Shared]:
    last: Share | None = None
    shared = _Shared([], [])
    for answer in answers:
        share = answer.share
        if share is None:
            continue
        is_next = (
            last is not None and share.payload is not None and share.result is last.result and share.start == last.stop
        )
        if not is_next and shared.numbers:
            yield shared
            shared = _Shared([], [])
        shared.numbers.append(answer.number)
        shared.shares.append(share)
        last = share
    if shared.numbers:
        yield shared
