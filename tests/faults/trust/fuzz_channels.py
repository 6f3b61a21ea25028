"""What is fuzzed of the channels between processes: frames, calls and answers, control records."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from jubako.backends.process.answer_codec import AnswerCodec
from jubako.backends.process.call_codec import CallCodec
from jubako.backends.process.error_codec import encode_error
from jubako.backends.process.frames import FrameReader, FrameType, InvalidFrame, encode_frame
from jubako.errors import (
    InternalServerError,
    RunnerFailed,
)
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.runners.specs import MethodSpec
from jubako.serving.control import Counted, Failed, Planned, Prepare, RunnerState, StartReplica
from jubako.serving.wire import Decoder, encode
from jubako.settings import Settings
from jubako.values.placement import Placement
from jubako.values.plan import ModelRecipe, PinnedTag, Plan, PlannedTarget, RunnerPlan
from jubako.values.signature import Signature
from jubako.values.tag import Tag
from tests.faults.trust.fuzz_target import JSON_TOKENS, Target, altered


def _joined(pieces: Any) -> bytes:
    return b"".join(bytes(piece) for piece in pieces)


def _frames_of(data: bytes) -> Iterator[Any]:
    reader = FrameReader()
    rest = memoryview(data)
    while rest:
        space = reader.space()
        count = min(len(rest), len(space))
        space[:count] = rest[:count]
        rest = rest[count:]
        yield from reader.received(count)


_TABLE = PayloadTable(compose(candidates=()))
_SPEC = MethodSpec("run", "_run_batch", Signature())


def _call_frames(_: Path) -> list[bytes]:
    found = []
    for values, part in (
        ([np.arange(6.0).reshape(2, 3)], ["ndarray", {"dtype": "<f8", "shape": [2, 3]}, 1, 0]),
        ([b"[1,2]"], ["list", {"layout": "json"}, 1, 0]),
        ([b"a", b"b"], ["list", {"layout": "bytes"}, 2, 0]),
        ([b"x"], ["list", {"layout": "tree", "tree": ["l", ["b", 0], ["t", 1, ["i", "0x1"]]]}, 1, 0]),
        ([b"[1]"], ["scalar", {"layout": "json"}, 1, 2]),
    ):
        run = [[1, 2], True, [], 48, [1, 1], [True, True], [1e12, 1e12], [0.0, 0.0], [None, None], [0, 0], [part]]
        buffers = [value.tobytes() if isinstance(value, np.ndarray) else value for value in values]
        found.append(_joined(encode_frame(FrameType.CALLS, ["run", [run]], buffers)))
        span = [[1, 2], [0, 1], [1, 2], [True, True], 2, 0, part]
        found.append(_joined(encode_frame(FrameType.ANSWERS, ["run", [span], []], buffers)))
    errors = [[3, encode_error(RunnerFailed("x", why="y"))], [4, encode_error(ValueError("z"))]]
    found.append(_joined(encode_frame(FrameType.ANSWERS, ["run", [], errors])))
    found.append(_joined([*encode_frame(FrameType.PING, None), *encode_frame(FrameType.CREDIT, ["run", 4])]))
    return found


def _read_frames(data: bytes, _: Path) -> None:
    for _frame in _frames_of(data):
        pass


def _read_calls(data: bytes, _: Path) -> None:
    for frame in _frames_of(data):
        if frame.kind is FrameType.CALLS:
            CallCodec("runner", {"run": _SPEC}, _TABLE).decode(frame, lambda numbers, error: None)
        elif frame.kind is FrameType.ANSWERS:
            AnswerCodec("runner", _TABLE).decode(frame)


def _relay(draw: random.Random, data: bytes) -> bytes:
    """The frame with another meta and the same buffers, its lengths made to fit."""
    try:
        frame = next(iter(_frames_of(data)))
        meta = altered(draw, frame.meta)
        return _joined(encode_frame(frame.kind, meta, list(frame.buffers)))
    except (StopIteration, InvalidFrame, TypeError, orjson.JSONEncodeError):
        return data


_TAG = Tag("iris", "k3f9a")
_PLAN = Plan(
    number=2,
    service="flowers",
    target=PlannedTarget("service", "/srv/service.py", "/srv", "/srv", "svc"),
    backend="process",
    models=(PinnedTag(_TAG, "sha256:0", is_latest=True),),
    runners=(RunnerPlan("iris", ModelRecipe("sklearn", _TAG, {"more": [1, None]}), (Placement(threads=2),)),),
)


def _record_seeds(_: Path) -> list[bytes]:
    said = [Planned(_PLAN), Prepare({"iris": ("/run/0-0",)}), RunnerState("iris", False, "it fails"), Counted("{}")]
    said += [StartReplica("iris", 1, Settings(), _PLAN), Failed("a", "b", "c")]
    return [b"".join(map(encode, said)), *map(encode, said)]


def _read_records(data: bytes, _: Path) -> None:
    for _record in Decoder().feed(data):
        pass


def _said_otherwise(draw: random.Random, data: bytes) -> bytes:
    try:
        text = orjson.dumps(altered(draw, orjson.loads(data[4:])))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, TypeError):
        return data
    return len(text).to_bytes(4, "big") + text


CHANNELS = (
    Target("frames", _call_frames, _read_frames, (InvalidFrame,), JSON_TOKENS, 0, _relay),
    # Whatever else it raises costs the connection it came on: see FrameStream.
    Target("calls and answers", _call_frames, _read_calls, (Exception,), JSON_TOKENS, 0, _relay),
    Target("control records", _record_seeds, _read_records, (InternalServerError,), JSON_TOKENS, 100, _said_otherwise),
)
