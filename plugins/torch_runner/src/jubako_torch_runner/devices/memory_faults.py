"""Which errors say that memory is full; torch has a class of its own for some of them only."""

from __future__ import annotations

import torch

# What the libraries under torch say; these arrive as RuntimeError, or as a subclass that means any failure of them.
_DEVICE_WORDS = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
    "CUSPARSE_STATUS_INSUFFICIENT_RESOURCES",
    "CUFFT_ALLOC_FAILED",
)
_HOST_WORDS = ("DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory")


def is_out_of_device_memory(error: BaseException) -> bool:
    """True if a CUDA device, or the pinned memory that it copies from, is full."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _DEVICE_WORDS)


def is_out_of_host_memory(error: BaseException) -> bool:
    """True if the CPU's allocator, Python's or numpy's could not get memory."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _HOST_WORDS)
