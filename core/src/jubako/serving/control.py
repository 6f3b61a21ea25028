"""What the supervisor and its processes say to each other: records, and how they are written.

A record is a line of JSON behind its length: these sockets are private, yet nothing that comes over them is unpickled.
"""

from __future__ import annotations

import functools
import struct
import types
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Union, get_args

import attrs
import orjson

from jubako._documents import structure
from jubako.errors import InternalServerError, JubakoError
from jubako.settings import Settings
from jubako.values.plan import PinnedTag, Plan, PlannedPlugin

_LENGTH = struct.Struct(">I")
_MAX_RECORD_BYTES = 64 * 1024 * 1024


@attrs.frozen
class StartWorker:
    """To an API worker, first: import the target.

    Args:
        slot: which API worker this is, from 0.
        generation: the number of its generation, from 1.
        text: the target, as it was typed.
        working_dir: what a relative target starts from.
        settings: in force for everything in the process.
        listening: numbers of the inherited sockets that HTTP connections come from.
        plan: None asks the worker to make it.
    """

    slot: int
    generation: int
    text: str
    working_dir: str
    settings: Settings
    listening: tuple[int, ...]
    plan: Plan | None = None


@attrs.frozen
class Planned:
    """From the first API worker: it has imported the target, and this is the Plan."""

    plan: Plan


@attrs.frozen
class Pin:
    """From an API worker or a replica: a tag is used for the first time here, and what it means must be settled.

    Args:
        number: comes back with the answer.
        kind: of the store, as `StoreKind` has it.
        pin: what was found.
    """

    number: int
    kind: str
    pin: PinnedTag


@attrs.frozen
class Pinned:
    """To an API worker or a replica: what a tag means in every process of the generation.

    Args:
        number: that of the question.
        pin: what holds; the first that was found by any of them.
    """

    number: int
    pin: PinnedTag


@attrs.frozen
class Prepare:
    """To an API worker: get everything ready that a request needs.

    Args:
        channels: the paths of the sockets of each runner's replicas, in order; empty if the workers hold the models.
        joins: True if others serve already, so that a runner without a replica is no reason not to start.
    """

    channels: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    joins: bool = False


@attrs.frozen
class Warm:
    """From an API worker: everything is ready, and no connection is accepted yet."""


@attrs.frozen
class Serve:
    """To an API worker: accept connections."""


@attrs.frozen
class RunnerState:
    """To an API worker: whether a runner has, or will soon have, a replica that serves.

    Args:
        runner: its name.
        is_serving: False fails calls at once instead of letting them wait.
        reason: for people.
    """

    runner: str
    is_serving: bool
    reason: str = ""


@attrs.frozen
class Silent:
    """From an API worker: a replica shows no sign of life, or does again.

    Args:
        runner: the name of its runner.
        index: which replica.
        held_until_s: the last deadline of the calls that it has of this worker, on the clock of `time.monotonic()`; 0
            if it has none, None if it is heard again or gone.
    """

    runner: str
    index: int
    held_until_s: float | None


@attrs.frozen
class StartReplica:
    """To a replica, first: load the model.

    Args:
        runner: the name of the runner in the plan.
        index: which of its replicas this is, from 0.
        settings: in force for everything in the process.
        plan: what the generation runs.
    """

    runner: str
    index: int
    settings: Settings
    plan: Plan


@attrs.frozen
class Began:
    """From a replica, first.

    Args:
        pid: its process number, which nobody else knows.
    """

    pid: int


@attrs.frozen
class WarmUp:
    """To the zygote, first: import what replicas need.

    Args:
        settings: in force for everything in the process.
        modules: to import; one that fails is left to the replica, which can say whose it is.
        plugins: those that may be loaded.
    """

    settings: Settings
    modules: tuple[str, ...]
    plugins: tuple[PlannedPlugin, ...] = ()


@attrs.frozen
class Fork:
    """To the zygote: fork a replica. Two file descriptors come along: its link, and the socket that it listens on."""


@attrs.frozen
class Ready:
    """From any process: it does its work now."""


@attrs.frozen
class Stop:
    """To any process: finish what is begun, take nothing new, and end."""


@attrs.frozen
class Cut:
    """To an API worker: end at once; what is in flight is lost."""


@attrs.frozen
class Counted:
    """From an API worker or a replica: what it has counted since it began.

    Args:
        snapshot: JSON, see `serving.metrics_sum`; as text, for walking through it takes a hundred times as long.
    """

    snapshot: str


@attrs.frozen
class AskMetrics:
    """From an API worker: the metrics of all processes are wanted.

    Args:
        number: comes back with the answer.
    """

    number: int


@attrs.frozen
class Metrics:
    """To an API worker: the metrics of all processes.

    Args:
        number: that of the question.
        text: in Prometheus' text format.
    """

    number: int
    text: str


@attrs.frozen
class Failed:
    """From any process: it cannot start, and ends.

    Args:
        message: see `JubakoError`.
        why: see `JubakoError`.
        do: see `JubakoError`.
    """

    message: str
    why: str = ""
    do: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Failed:
        """What is to be said of an error."""
        if isinstance(error, JubakoError):
            # Notes are where people read on, such as which file was being imported.
            notes = " ".join(getattr(error, "__notes__", ()))
            return cls(f"{error.message} {notes}".strip(), error.why, error.do)
        return cls(f"{type(error).__name__}: {error}")


Record = (
    StartWorker
    | Planned
    | Pin
    | Pinned
    | Prepare
    | Warm
    | Serve
    | RunnerState
    | Silent
    | StartReplica
    | Began
    | WarmUp
    | Fork
    | Ready
    | Stop
    | Cut
    | Counted
    | AskMetrics
    | Metrics
    | Failed
)


def encode(record: Record) -> bytes:
    """The bytes of one record, its length first."""
    fields = attrs.asdict(record, value_serializer=_plain)
    text = orjson.dumps({"record": type(record).__name__, "fields": fields}, default=_default)
    return _LENGTH.pack(len(text)) + text


class Decoder:
    """Cuts a stream of bytes into records."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[Record]:
        """Take some bytes and yield every record that is whole now.

        Raises:
            InternalServerError: they are no records.
        """
        self._received += data
        while len(self._received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received)
            if length > _MAX_RECORD_BYTES:
                raise InternalServerError(f"a record of {length} bytes came over a control link.")
            end = _LENGTH.size + length
            if len(self._received) < end:
                return
            text = bytes(self._received[_LENGTH.size : end])
            del self._received[:end]
            yield _decode(text)


def _decode(text: bytes) -> Record:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InternalServerError("what came over a control link is not JSON.", why=f"{error}.") from error
    name = document.get("record") if isinstance(document, dict) else None
    kind = _kinds().get(name) if isinstance(name, str) else None
    if kind is None:
        raise InternalServerError(f"a record {str(name)[:80]!r} came over a control link.")
    record: Record = structure(document.get("fields"), kind, kind.__name__, error=InternalServerError)
    return record


@functools.cache
def _kinds() -> dict[str, Any]:
    return {kind.__name__: kind for kind in get_args(Union[Record])}  # noqa: UP007 - flattens the alias


def _plain(_instance: object, _attribute: object, value: Any) -> Any:
    return _default(value) if isinstance(value, Path | datetime | types.MappingProxyType) else value


def _default(value: Any) -> Any:
    if isinstance(value, types.MappingProxyType):
        return dict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
