"""`Payload`: how values of one Python kind are counted, joined, cut and laid out in frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from jubako.values.payload import EncodedPayload


class PayloadLookup(Protocol):
    """Finds the payload type of a value, for types whose values hold values of other types."""

    def for_value(self, value: Any) -> Payload:
        """The payload type of the value's Python type; there is one for every value."""

    def named(self, name: str) -> Payload:
        """The payload type that an `EncodedPayload` names.

        Raises:
            OfferNotFound: no installed plugin offers it.
        """


class Payload(ABC):
    """One kind of batch, such as numpy arrays; shared by all threads, without state that changes.

    A *batch* holds rows along an axis; a *single* is one row without that axis. Checked by
    `jubako.testing.PayloadTypeTests`.

    Args:
        name: the name under which it is offered; what it encodes carries it.
        payloads: finds the payload types of other values.
    """

    def __init__(self, name: str, payloads: PayloadLookup) -> None:
        self.name = name
        self.payloads = payloads

    @abstractmethod
    def from_single(self, single: Any, axis: int) -> Any:
        """Return the batch of one row that holds `single`; it may be of another kind, and may share memory.

        Raises:
            InvalidArgument: the value is no single, such as a frame of several rows.
        """

    @abstractmethod
    def is_batch(self, value: Any) -> bool:
        """True if the value, given to `run_batch`, is rows; False if it is one constant for the whole call."""

    @abstractmethod
    def count_rows(self, batch: Any, axis: int) -> int:
        """Rows along `axis`; 0 is allowed.

        Raises:
            InvalidArgument: the batch has no such axis.
        """

    @abstractmethod
    def fit_key(self, batch: Any, axis: int) -> Hashable:
        """A key that is equal exactly for batches that can be joined without changing a value (dtype, other axes)."""

    @abstractmethod
    def join(self, batches: Sequence[Any], axis: int) -> Any:
        """Join batches of one `fit_key`, in order; at least two. Their memory is copied."""

    @abstractmethod
    def cut(self, batch: Any, start: int, stop: int, axis: int) -> Any:
        """Rows `start` to `stop` as a batch; may share memory with `batch`."""

    @abstractmethod
    def row(self, batch: Any, index: int, axis: int) -> Any:
        """One row as a single, without the axis; may share memory with `batch`."""

    @abstractmethod
    def size_bytes(self, batch: Any) -> int:
        """Bytes that the batch's values take, roughly; cheap, for it runs once a call."""

    @abstractmethod
    def encode(self, batch: Any) -> EncodedPayload:
        """Lay the batch out as a header and raw buffers; buffers may share its memory."""

    @abstractmethod
    def decode(self, encoded: EncodedPayload) -> Any:
        """Read what `encode` wrote; `decode(encode(x))` equals `x` in type, dtype and value."""
