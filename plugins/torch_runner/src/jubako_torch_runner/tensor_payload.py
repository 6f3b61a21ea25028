"""The payload type of torch tensors."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch

from jubako.contracts.payload import Payload
from jubako.errors import InvalidArgument
from jubako.values.payload import EncodedPayload

_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (getattr(torch, name) for name in dir(torch))
    if isinstance(dtype, torch.dtype)
}


class TensorPayload(Payload):
    """Dense tensors of any dtype, joined along any axis if dtype and the other axes are equal.

    Between processes a tensor is laid out as raw bytes, never as a pickle. It arrives on the CPU, without gradients;
    a parameter arrives as a plain tensor.
    """

    def from_single(self, single: Any, axis: int) -> Any:
        """A view with a new axis of length one."""
        if axis > single.ndim:
            raise InvalidArgument(
                f"a tensor of shape {tuple(single.shape)} cannot be one row along axis {axis}.",
                do=f"give tensors of at least {axis} dimensions",
            )
        return single.unsqueeze(axis)

    def is_batch(self, value: Any) -> bool:
        """Every tensor is rows."""
        return True

    def count_rows(self, batch: Any, axis: int) -> int:
        """The length of the axis."""
        if axis >= batch.ndim:
            raise InvalidArgument(
                f"a tensor of shape {tuple(batch.shape)} has no rows along axis {axis}.",
                do="give a batch to run_batch, and one row to run",
            )
        return int(batch.shape[axis])

    def fit_key(self, batch: Any, axis: int) -> Hashable:
        """Dtype, device and the other axes; nothing fits a tensor that is not dense."""
        if batch.layout is not torch.strided:
            return object()
        shape = tuple(batch.shape)
        return batch.dtype, batch.device, shape[:axis], shape[axis + 1 :]

    def join(self, batches: Sequence[Any], axis: int) -> Any:
        """One new tensor."""
        return torch.cat([batch.detach() for batch in batches], dim=axis)

    def cut(self, batch: Any, start: int, stop: int, axis: int) -> Any:
        """A view."""
        return batch.narrow(axis, start, stop - start)

    def row(self, batch: Any, index: int, axis: int) -> Any:
        """A view without the axis."""
        return batch.select(axis, index)

    def size_bytes(self, batch: Any) -> int:
        """The bytes of the elements."""
        # nbytes is not defined for all layouts.
        return int(batch.numel() * batch.element_size())

    def encode(self, batch: Any) -> EncodedPayload:
        """Dtype and shape, and the elements in C order.

        Raises:
            InvalidArgument: the tensor is sparse or quantized.
        """
        if batch.layout is not torch.strided or batch.is_quantized:
            raise InvalidArgument(
                f"a tensor of layout {batch.layout} and dtype {batch.dtype} cannot be handed to another process.",
                do="make it dense: to_dense() or dequantize()",
            )
        header = {"dtype": str(batch.dtype).removeprefix("torch."), "shape": list(batch.shape)}
        # A conjugated or negated view has other bytes than values.
        plain = batch.detach().cpu().resolve_conj().resolve_neg().contiguous()
        if not plain.numel():
            return EncodedPayload(self.name, header, (b"",))
        return EncodedPayload(self.name, header, (plain.reshape(-1).view(torch.uint8).numpy().data,))

    def decode(self, encoded: EncodedPayload) -> Any:
        """A tensor on the buffer itself, or on a copy if the buffer is read-only, which no tensor can be."""
        dtype, shape = _DTYPES[encoded.header["dtype"]], encoded.header["shape"]
        flat = np.frombuffer(encoded.buffers[0], np.uint8)
        if not flat.size:
            return torch.empty(shape, dtype=dtype)
        if not flat.flags.writeable or flat.ctypes.data % dtype.itemsize:
            flat = flat.copy()
        return torch.from_numpy(flat).view(dtype).reshape(shape)
