"""`StagingPool`: page-locked host memory that is used again, by size class and within a bound.

Page-locking is slow (it takes milliseconds and stops the device), and page-locked memory is taken from the whole
machine; so blocks are kept, and their sum is bounded. torch keeps a cache of its own behind `pin_memory`, which has no
bound: https://pytorch.org/docs/stable/notes/cuda.html#use-pinned-memory-buffers
"""

from __future__ import annotations

import math
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence

import attrs
import torch

_SMALLEST_BYTES = 4096


class StagingPool:
    """Blocks of powers of two bytes; callable in any thread.

    Args:
        allocate: gives page-locked memory of so many bytes, or None if there is no more.
        limit_bytes: of all blocks, lent or idle; beyond it, ordinary memory is lent, which is copied more slowly.
    """

    def __init__(self, allocate: Callable[[int], torch.Tensor | None], limit_bytes: int) -> None:
        self._allocate = allocate
        self._limit_bytes = limit_bytes
        # Reentrant: a tensor that nobody gave back may be collected, and be noticed, while its pool works.
        self._lock = threading.RLock()
        self._idle: dict[int, list[torch.Tensor]] = defaultdict(list)
        self._lent: dict[int, _Loan] = {}
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """Of all blocks, lent or idle."""
        return self._held_bytes

    def take(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """An uninitialised tensor of its own; page-locked unless the bound is reached."""
        needed = dtype.itemsize * math.prod(shape)
        size = max(_SMALLEST_BYTES, 1 << max(0, needed - 1).bit_length())
        # A tensor made in inference mode could not be written to outside it, by whoever takes the block next.
        with self._lock, torch.inference_mode(False):
            block = self._block(size)
            if block is None:
                return torch.empty(tuple(shape), dtype=dtype)
            lent = block[:needed].view(dtype).view(tuple(shape))
            address = block.data_ptr()
            self._lent[address] = _Loan(block, weakref.ref(lent, lambda gone: self._drop_loan(address, gone)))
            return lent

    def give_back(self, tensor: torch.Tensor) -> None:
        """Take back what `take` gave, or a view of it that begins where it begins; anything else is left alone.

        Nothing may read or write it any more: a copy of the device must have ended.
        """
        with self._lock:
            loan = self._lent.pop(tensor.data_ptr(), None)
            if loan is not None:
                self._idle[len(loan.block)].append(loan.block)

    def forget(self) -> None:
        """Let idle blocks go, such as at the end."""
        with self._lock:
            self._drop_idle(self._held_bytes)

    def _block(self, size: int) -> torch.Tensor | None:
        if self._idle[size]:
            return self._idle[size].pop()
        self._drop_idle(self._held_bytes + size - self._limit_bytes)
        if self._held_bytes + size > self._limit_bytes:
            return None
        block = self._allocate(size)
        if block is not None:
            self._held_bytes += size
        return block

    def _drop_idle(self, excess_bytes: int) -> None:
        """Drop idle blocks, largest first, until `excess_bytes` are gone or none is left."""
        for size in sorted(self._idle, reverse=True):
            while excess_bytes > 0 and self._idle[size]:
                self._idle[size].pop()
                self._held_bytes -= size
                excess_bytes -= size

    def _drop_loan(self, address: int, gone: weakref.ref[torch.Tensor]) -> None:
        """Forget a block whose borrower is gone; it is not lent again, for a view or a copy may still use it.

        torch keeps the memory until both are done.
        """
        with self._lock:
            loan = self._lent.get(address)
            if loan is not None and loan.borrower is gone:
                del self._lent[address]
                self._held_bytes -= len(loan.block)


@attrs.frozen(eq=False)
class _Loan:
    block: torch.Tensor
    borrower: weakref.ref[torch.Tensor]
