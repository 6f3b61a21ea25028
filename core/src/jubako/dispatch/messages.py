"""What the two halves say to each other: calls and withdrawals one way, answers and credit the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from jubako._origins import NO_REQUEST, Origin
from jubako.contracts.backend import BatchRecord
from jubako.contracts.batch_policy import CostModel
from jubako.runners.arguments import CallArguments
from jubako.runners.execution import Share


@attrs.frozen(eq=False)
class SentCall:
    """One call on its way to a replica.

    Args:
        number: unique among the calls of one sender.
        arguments: at most the limit of rows.
        deadline_s: on the clock of `time.monotonic()`, in seconds.
        queued_s: when the caller's side took it, on the same clock.
        origin: the request that it was made for.
        tries: replicas that died while they computed it. After the first such death a call is computed alone, with
            nothing beside it, so that only the call that kills replicas is blamed for it.
    """

    number: int
    arguments: CallArguments
    deadline_s: float
    queued_s: float
    origin: Origin = NO_REQUEST
    tries: int = 0


@attrs.frozen(eq=False)
class Answer:
    """How one call ended.

    Args:
        number: the call's.
        share: the call's part of a result, if `error` is None.
        error: why there is none.
    """

    number: int
    share: Share | None = None
    error: BaseException | None = None


class Receiver(Protocol):
    """The caller's side of a line to one replica."""

    def answered(self, answers: Sequence[Answer]) -> None:
        """Take the answers of calls that were sent; each call is answered at most once."""

    def credited(self, rows: int) -> None:
        """Take leave to send so many rows more."""

    def started(self, numbers: Sequence[int]) -> None:
        """Learn that calls were taken into a batch; the credit for their rows is renewed by that.

        Said before the batch is computed: what dies with the replica later is what was started.
        """

    def batch_returned(self, record: BatchRecord) -> None:
        """Hear of one batch; of each batch one receiver hears, that of its oldest call."""

    def silent(self, is_silent: bool) -> None:
        """Learn that the replica shows no sign of life, or does again; it should get no calls meanwhile."""

    def lost(self, reason: str) -> None:
        """Learn that the replica is gone, and with it the line; calls without an answer get none any more."""


class Line(Protocol):
    """The way from one caller queue to one replica's lane; nothing here blocks or raises."""

    @property
    def cost(self) -> CostModel:
        """What batches are expected to take there."""

    def send(self, calls: Sequence[SentCall]) -> None:
        """Hand over calls, in order; the last of them may exceed the credit."""

    def withdraw(self, numbers: Sequence[int]) -> None:
        """Ask that calls be dropped if they were not started; they are not answered any more."""

    def close(self) -> None:
        """Say that nothing more will be sent."""


OpenLine = Callable[[Receiver], Line]
