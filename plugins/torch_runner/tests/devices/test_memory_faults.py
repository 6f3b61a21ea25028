"""Which errors mean that memory is full."""

from __future__ import annotations

import pytest
import torch

from jubako_torch_runner.devices.memory_faults import is_out_of_device_memory, is_out_of_host_memory


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_what_torch_cublas_and_cudnn_say_of_a_full_device(error):
    assert is_out_of_device_memory(error)
    assert not is_out_of_host_memory(error)


def test_what_the_cpus_allocator_says():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 50, dtype=torch.uint8)
    assert is_out_of_host_memory(raised.value)
    assert is_out_of_host_memory(MemoryError())


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA error: device-side assert triggered"), ValueError("CUDA out of memory")]
)
def test_other_errors_are_no_memory_errors(error):
    assert not is_out_of_device_memory(error)
    assert not is_out_of_host_memory(error)
