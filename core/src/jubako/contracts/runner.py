"""What a runner may do beyond computing one batch after the other: overlap batches, and join calls by itself.

Both are for runners of devices that copy and compute at once. A runner needs neither: what its `_run_batch` returns is
the answer, and calls are joined by their payload types.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from jubako.contracts.payload import Payload


class PendingBatch(ABC):
    """A batch that was begun and is not finished; `_run_batch` may return one instead of rows.

    The replica's thread then begins the next batch, while another thread waits for this one. At most two batches are
    begun at a time, and they are finished in the order in which they were begun.
    """

    @abstractmethod
    def result(self) -> Any:
        """Wait for the batch and return what `_run_batch` would have; called once, in another thread than began it.

        Raises:
            BatchTooLarge: the batch does not fit the device; it is split and tried again.
            Exception: as `_run_batch`.
        """

    @property
    @abstractmethod
    def compute_s(self) -> float:
        """Seconds that the device was busy with this batch alone, without waiting for others; known after `result`."""


class JoinableCall(Protocol):
    """One call, as a `CallJoiner` sees it."""

    @property
    def args(self) -> tuple[Any, ...]:
        """Positional arguments: batches, or constants where `payloads` says so."""

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """Keyword arguments, likewise."""

    @property
    def payloads(self) -> tuple[Payload | None, ...]:
        """For each positional and then each keyword argument, its payload type; None marks a constant."""

    @property
    def rows(self) -> int:
        """Rows of each batch."""

    @property
    def is_single(self) -> bool:
        """True if the caller gave one row, without the batch axis; the axis was added."""


@attrs.frozen(eq=False)
class AnswerPerCall:
    """Answers of a batch that do not lie in one result, such as rows of different lengths.

    Args:
        answers: one for each call, in order: a batch with as many rows as the call has.
    """

    answers: tuple[Any, ...]


class CallJoiner(ABC):
    """Joins calls in the runner's own way, straight into the memory that the device reads, padded if need be.

    A runner that has one as its `call_joiner` gets no joined arguments: `run` is called instead of its method. Belongs
    to the replica: nothing of it is called in an API worker.
    """

    @abstractmethod
    def fit_key(self, method: str, call: JoinableCall) -> Hashable | None:
        """A key that is equal for calls of one method that `run` takes together; None for a call that stays alone.

        Called on the replica's event loop once a call, and must be quick. Only asked for calls that may be joined.
        """

    @abstractmethod
    def run(self, method: str, calls: Sequence[JoinableCall]) -> Any:
        """Compute calls of one `fit_key` as one batch; in the replica's own thread.

        Returns:
            A batch with the rows of all calls in order, an `AnswerPerCall`, or a `PendingBatch` of one of them.

        Raises:
            BatchTooLarge: the batch does not fit the device; it is split and tried again.
            BadInput: a row is wrong.
        """
