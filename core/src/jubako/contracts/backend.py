"""`Backend`: where the replicas of runners run, and `RunnerHandle`: how a caller reaches one runner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from jubako._origins import NO_REQUEST, Origin


@attrs.frozen
class RunnerCall:
    """One call of a runner's method, before it is queued.

    Args:
        method: the method's name; `run` for the runner's own.
        args: positional arguments, as the caller gave them.
        kwargs: keyword arguments, as the caller gave them.
        is_single: True for `run` (one row without the batch axis), False for `run_batch`.
        deadline_s: on the clock of `time.monotonic()`, in seconds.
        origin: the request that it is made for.
    """

    method: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    is_single: bool
    deadline_s: float
    origin: Origin = NO_REQUEST


@attrs.frozen
class RunnerStatus:
    """Whether one runner can serve.

    Args:
        name: the runner's name.
        is_ready: True if at least one replica is warm.
        reason: if not ready, why, for people.
    """

    name: str
    is_ready: bool
    reason: str = ""


@attrs.frozen
class BatchRecord:
    """One batch that came back, for observers.

    Args:
        runner: the runner's name.
        method: the method's name.
        rows: rows in the batch.
        calls: calls in the batch.
        queue_s: seconds that each call waited between being queued and being taken up, in order.
        compute_s: seconds in the runner's own code.
        is_ok: False if the runner raised.
        waiting_rows: rows that waited at the replica for this method when the batch was taken up, its own included.
    """

    runner: str
    method: str
    rows: int
    calls: int
    queue_s: tuple[float, ...]
    compute_s: float
    is_ok: bool
    waiting_rows: int = 0


class DispatchObserver(Protocol):
    """Hears of every batch, on the serving loop; must not block. One that raises is logged and dropped."""

    def batch_returned(self, record: BatchRecord) -> None:
        """Take note of one batch."""


class RunnerHandle(ABC):
    """Reaches the replicas of one runner; each call is answered exactly once."""

    @abstractmethod
    async def call(self, call: RunnerCall) -> Any:
        """Queue the call and await its answer; on any event loop. Cancelling it withdraws the call.

        Raises:
            TooManyRequests: the queue is full, or waiting would make the call late.
            DeadlineExceeded: the deadline passed, or is shorter than the model needs.
            ServiceUnavailable: no replica serves and none is being started, or the server drains.
            RunnerFailed: the runner's code raised, alone with this call.
            InvalidArgument: the arguments make no batch.
        """

    @abstractmethod
    def call_blocking(self, call: RunnerCall) -> Any:
        """The same from any thread, and wait; on the serving loop's own thread the call goes past the queue."""

    @property
    @abstractmethod
    def queued_rows(self) -> int:
        """Rows that wait now, for metrics."""


class Backend(ABC):
    """Starts runners' replicas and gives handles to them. Checked by `jubako.testing.BackendTests`."""

    @abstractmethod
    async def start(self, runners: Sequence[Any], observers: Sequence[DispatchObserver] = ()) -> None:
        """Start every replica, wait until all are warm, and bind each `Runner` to its handle.

        Raises:
            JubakoError: a runner cannot start; everything started is stopped again.
        """

    @abstractmethod
    async def stop(self) -> None:
        """Answer what is queued, then stop every replica and unbind the runners; may be called twice."""

    @abstractmethod
    def statuses(self) -> tuple[RunnerStatus, ...]:
        """How each runner is, in the order they were given."""

    @abstractmethod
    def handle(self, runner_name: str) -> RunnerHandle:
        """The handle of a started runner.

        Raises:
            NotFound: no such runner was started.
        """
