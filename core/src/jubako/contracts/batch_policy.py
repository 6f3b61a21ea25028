"""`BatchPolicy`: a pure decision when to send how many rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import attrs

from jubako.values.batch_profile import BatchProfile


@attrs.frozen
class QueueView:
    """What a policy sees of the calls that fit together and wait beside the model.

    Args:
        waiting_rows: rows that could be sent now; at least 1.
        limit_rows: the largest batch at present.
        is_full: True if more rows would break the limit of rows or of bytes.
        oldest_arrival_s: when the oldest of them arrived, on the policy's clock.
        running_batches: batches that were sent and have not come back.
    """

    waiting_rows: int
    limit_rows: int
    is_full: bool
    oldest_arrival_s: float
    running_batches: int


@attrs.frozen
class Decision:
    """Send now, or look again.

    Args:
        send: True to send what waits, up to the limit.
        look_again_s: if not `send`: the time at which to ask again even if nothing happens; None means at the next
            arrival or returned batch.
        max_rows: if `send`: at most so many rows; None means the limit. A call that is larger alone is sent alone.
    """

    send: bool
    look_again_s: float | None = None
    max_rows: int | None = None


class CostModel(Protocol):
    """What a batch of n rows is expected to take, learned from those that came back."""

    @property
    def is_known(self) -> bool:
        """False until enough batches came back; then nothing may be refused for its expected cost."""

    @property
    def fixed_s(self) -> float:
        """Seconds that a batch costs however small it is; 0 while unknown."""

    @property
    def per_row_s(self) -> float:
        """Seconds that each row adds; 0 while unknown."""

    def estimate_s(self, rows: int) -> float:
        """Seconds for a batch of `rows`; 0 while unknown."""


class BatchPolicy(ABC):
    """Decides for one runner method of one replica. Never reads a clock: the time, in seconds, is an argument.

    Checked by `jubako.testing.BatchPolicyTests`.
    """

    @abstractmethod
    def decide(self, queue: QueueView, now_s: float) -> Decision:
        """Say whether what waits is sent now; called at each arrival, at each returned batch, and when asked to."""

    @abstractmethod
    def batch_sent(self, rows: int, now_s: float) -> None:
        """Take note that a batch of `rows` was sent."""

    @abstractmethod
    def batch_returned(self, rows: int, seconds: float, waiting_rows: int, now_s: float) -> None:
        """Take note that a batch of `rows` came back after `seconds` of computing, while `waiting_rows` wait."""

    def profile_known(self, profile: BatchProfile) -> None:  # noqa: B027 - optional: most policies learn from batches
        """Learn what the runner measured of its device; called at most once, before the first decision."""
