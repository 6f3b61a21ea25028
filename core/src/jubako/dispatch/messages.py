"""What the two halves say to each other: calls and withdrawals one way, answers and credit the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

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
    """

    number: int
    arguments: CallArguments
    deadline_s: float
    queued_s: float


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
        """Learn that calls were taken into a batch; the credit for their rows is renewed by that."""


class Line(Protocol):
    """The way from one caller queue to one replica's lane; nothing here blocks or raises."""

    cost: CostModel

    def send(self, calls: Sequence[SentCall]) -> None:
        """Hand over calls, in order; the last of them may exceed the credit."""

    def withdraw(self, numbers: Sequence[int]) -> None:
        """Ask that calls be dropped if they were not started; they are not answered any more."""

    def close(self) -> None:
        """Say that nothing more will be sent."""


OpenLine = Callable[[Receiver], Line]
