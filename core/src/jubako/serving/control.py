"""What the supervisor and its processes say to each other: records, which `serving.wire` writes and reads."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from jubako.errors import JubakoError
from jubako.settings import Settings
from jubako.values.plan import PinnedTag, Plan, PlannedPlugin


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
