"""Calls as frames, and back: calls of one flush that fit together are joined once, and the replica cuts views."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from jubako._origins import NO_REQUEST, Origin
from jubako.backends.process.frames import JOINED_BYTES, Buffer, Frame, FrameTooLarge, FrameType, encode_frame
from jubako.backends.process.value_codec import PartToRead, next_part, unsendable, write_rows, write_value
from jubako.contracts.payload import Payload
from jubako.dispatch.messages import SentCall
from jubako.payloads import PayloadTable
from jubako.runners.arguments import CallArguments, constant_key, join_arguments
from jubako.runners.specs import MethodSpec
from jubako.values.resources import MIB

# Calls of one flush leave in one frame up to this size, so that the replica can start on the first of many large ones.
_CHUNK_BYTES = 16 * MIB

Refuse = Callable[[Sequence[int], Exception], None]


@attrs.frozen
class CallCodec:
    """Lays out calls of one runner.

    Args:
        runner_name: for messages.
        specs: the runner's methods by name.
        table: the payload types.
    """

    runner_name: str
    specs: Mapping[str, MethodSpec]
    table: PayloadTable

    def encode(self, method: str, calls: Sequence[SentCall], refuse: Refuse) -> list[Buffer]:
        """Make the frames of one flush.

        Args:
            method: the method's name.
            calls: in order.
            refuse: gets the numbers of calls that cannot be laid out, and why; the others are sent.

        Returns:
            Pieces for the stream, empty if every call is refused.
        """
        pieces: list[Buffer] = []
        for chunk in _chunks(calls):
            pieces += self._encode_chunk(method, chunk, refuse)
        return pieces

    def decode(self, frame: Frame, refuse: Refuse) -> tuple[str, list[SentCall]]:
        """Read what `encode` made; calls whose arguments cannot be read here are refused.

        Raises:
            Exception: of many kinds, if it is no such frame.
        """
        method, runs = frame.meta
        axis = self.specs[method].signature.input_batch_axis
        buffers = iter(frame.buffers)
        calls: list[SentCall] = []
        for numbers, *facts, parts in runs:
            unread = [next_part(part, buffers) for part in parts]
            try:
                batch = self._read_batch(unread, facts, axis)
            # Foreign code: pickles and payload types raise whatever they like, and it is these calls' own fault.
            except Exception as error:  # noqa: BLE001  # given to the callers
                refuse(numbers, unsendable(self.runner_name, "an argument", error))
            else:
                calls += batch.calls(numbers, facts)
        return method, calls

    def _encode_chunk(self, method: str, calls: Sequence[SentCall], refuse: Refuse) -> list[Buffer]:
        axis = self.specs[method].signature.input_batch_axis
        runs = []
        buffers: list[Any] = []
        waiting = _runs(calls)
        while waiting:
            run = waiting.pop(0)
            mark = len(buffers)
            try:
                runs.append(self._write_run(run, axis, buffers))
            # Foreign code, as above.
            except Exception as error:  # noqa: BLE001  # given to the callers
                del buffers[mark:]
                if len(run) > 1:
                    # One call that cannot be sent must not keep the others.
                    waiting[:0] = [[call] for call in run]
                else:
                    refuse([run[0].number], unsendable(self.runner_name, "an argument", error))
        try:
            return encode_frame(FrameType.CALLS, [method, runs], buffers) if runs else []
        # A type error is a header that is no JSON.
        except (FrameTooLarge, TypeError) as error:
            sent = {number for run in runs for number in run[0]}
            calls = [call for call in calls if call.number in sent]
            if len(calls) == 1:
                refuse([calls[0].number], unsendable(self.runner_name, "an argument", error))
                return []
            middle = len(calls) // 2
            return [
                *self._encode_chunk(method, calls[:middle], refuse),
                *self._encode_chunk(method, calls[middle:], refuse),
            ]

    def _write_run(self, run: Sequence[SentCall], axis: int, buffers: list[Any]) -> list[Any]:
        first = run[0].arguments
        args, kwargs = join_arguments([call.arguments for call in run], axis)
        parts = [
            write_value(self.table, value, buffers) if payload is None else write_rows(payload, value, buffers)
            for payload, value in zip(first.payloads, (*args, *kwargs.values()), strict=True)
        ]
        return [
            [call.number for call in run],
            first.fit_key is not None,
            list(kwargs),
            sum([call.arguments.size_bytes for call in run]),
            [call.arguments.rows for call in run],
            [call.arguments.is_single for call in run],
            [call.deadline_s for call in run],
            [call.queued_s for call in run],
            [None if call.origin is NO_REQUEST else list(call.origin) for call in run],
            [call.tries for call in run],
            parts,
        ]

    def _read_batch(self, parts: Sequence[PartToRead], facts: Sequence[Any], axis: int) -> _ReadBatch:
        fits, names, *_ = facts
        values = [part.decode(self.table) for part in parts]
        payloads = tuple(
            self.table.for_value(value) if part.has_rows else None for part, value in zip(parts, values, strict=True)
        )
        key: list[Hashable] = list(names)
        if fits:
            for payload, value in zip(payloads, values, strict=True):
                key.append(constant_key(value) if payload is None else (payload.name, payload.fit_key(value, axis)))
        return _ReadBatch(values, payloads, tuple(key) if fits else None, axis)


@attrs.frozen(eq=False)
class _ReadBatch:
    """Joined arguments of several calls, as they were read."""

    values: Sequence[Any]
    payloads: tuple[Payload | None, ...]
    fit_key: Hashable | None
    axis: int

    def calls(self, numbers: Sequence[int], facts: Sequence[Any]) -> Iterator[SentCall]:
        """Cut it into its calls."""
        _, names, size_bytes, rows, singles, deadlines_s, queued_s, origins, tries = facts
        split = len(self.values) - len(names)
        total = max(1, sum(rows))
        start = 0
        for index, number in enumerate(numbers):
            count = rows[index]
            values = self.values if len(numbers) == 1 else self._cut(start, start + count)
            start += count
            arguments = CallArguments(
                args=tuple(values[:split]),
                kwargs=dict(zip(names, values[split:], strict=True)),
                payloads=self.payloads,
                rows=count,
                size_bytes=size_bytes * count // total,
                fit_key=self.fit_key,
                is_single=singles[index],
            )
            origin = NO_REQUEST if origins[index] is None else Origin(*origins[index])
            yield SentCall(number, arguments, deadlines_s[index], queued_s[index], origin, tries[index])

    def _cut(self, start: int, stop: int) -> Sequence[Any]:
        return [
            value if payload is None else payload.cut(value, start, stop, self.axis)
            for payload, value in zip(self.payloads, self.values, strict=True)
        ]


def _runs(calls: Sequence[SentCall]) -> list[list[SentCall]]:
    runs: dict[Hashable, list[SentCall]] = {}
    for call in calls:
        arguments = call.arguments
        # What is large is not copied together; what is tried again, and what fits nothing, goes alone.
        if arguments.fit_key is None or arguments.size_bytes > JOINED_BYTES:
            runs[call.number, None] = [call]
        else:
            runs.setdefault(arguments.fit_key, []).append(call)
    return list(runs.values())


def _chunks(calls: Sequence[SentCall]) -> Iterator[list[SentCall]]:
    chunk: list[SentCall] = []
    size_bytes = 0
    for call in calls:
        if chunk and size_bytes + call.arguments.size_bytes > _CHUNK_BYTES:
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(call)
        size_bytes += call.arguments.size_bytes
    if chunk:
        yield chunk
