"""The payload type of numpy arrays."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from jubako.contracts.payload import Payload
from jubako.errors import InvalidArgument
from jubako.payloads import _pickled
from jubako.values.payload import EncodedPayload


class NdarrayPayload(Payload):
    """Arrays of any dtype, joined along any axis if dtype and the other axes are equal.

    Subclasses of ndarray (masked arrays, matrices) are served, but never joined: what joining means is theirs to say.
    """

    def from_single(self, single: Any, axis: int) -> Any:
        """A view with a new axis of length one."""
        if axis == 0:
            return single[None]
        if axis > single.ndim:
            raise InvalidArgument(
                f"an array of shape {single.shape} cannot be one row along axis {axis}.",
                do=f"give arrays of at least {axis} dimensions",
            )
        return np.expand_dims(single, axis)

    def is_batch(self, value: Any) -> bool:
        """Every array is rows."""
        return True

    def count_rows(self, batch: Any, axis: int) -> int:
        """The length of the axis."""
        shape = batch.shape
        if axis >= len(shape):
            raise InvalidArgument(
                f"an array of shape {shape} has no rows along axis {axis}.",
                do="give a batch to run_batch, and one row to run",
            )
        return int(shape[axis])

    def fit_key(self, batch: Any, axis: int) -> Hashable:
        """Dtype and the other axes; nothing fits a subclass."""
        if type(batch) is not np.ndarray:
            return object()
        return batch.dtype, batch.shape[:axis], batch.shape[axis + 1 :]

    def join(self, batches: Sequence[Any], axis: int) -> Any:
        """One new array."""
        return np.concatenate(batches, axis=axis)

    def cut(self, batch: Any, start: int, stop: int, axis: int) -> Any:
        """A view."""
        return batch[(slice(None),) * axis + (slice(start, stop),)]

    def row(self, batch: Any, index: int, axis: int) -> Any:
        """A view, or a numpy scalar if the array has one axis."""
        return batch[(slice(None),) * axis + (index,)]

    def size_bytes(self, batch: Any) -> int:
        """The bytes of the elements; 8 for each reference to an object."""
        return int(batch.nbytes)

    def encode(self, batch: Any) -> EncodedPayload:
        """Dtype and shape, and the elements in C order; arrays of objects or records as a private pickle."""
        if type(batch) is not np.ndarray or batch.dtype.hasobject or batch.dtype.names is not None:
            return _pickled.encode(self.name, batch)
        contiguous = np.ascontiguousarray(batch)
        # datetime64 and timedelta64 have no buffer format, so the bytes are taken through a view.
        header = {"dtype": batch.dtype.str, "shape": list(batch.shape)}
        return EncodedPayload(self.name, header, (contiguous.reshape(-1).view(np.uint8).data,))

    def decode(self, encoded: EncodedPayload) -> Any:
        """An array on the buffer itself; writable only if the buffer is."""
        if _pickled.is_pickled(encoded):
            return _pickled.decode(encoded)
        dtype = np.dtype(encoded.header["dtype"])
        return np.frombuffer(encoded.buffers[0], np.uint8).view(dtype).reshape(encoded.header["shape"])
