"""Staging memory that is lent, taken back and bounded."""

from __future__ import annotations

import gc

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jubako_torch_runner.devices.staging_pool import StagingPool


def _pool(limit_bytes=1 << 20):
    allocated = []

    def allocate(size):
        allocated.append(size)
        return torch.empty(size, dtype=torch.uint8)

    return StagingPool(allocate, limit_bytes), allocated


def test_a_block_that_was_given_back_is_lent_again_for_its_size_class():
    pool, allocated = _pool()
    first = pool.take((100, 10), torch.float64)
    pool.give_back(first)
    again = pool.take((7, 1024), torch.uint8)
    assert again.data_ptr() == first.data_ptr()
    assert allocated == [8192]


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.complex64, torch.int64])
@pytest.mark.parametrize("shape", [(), (0, 4), (3, 0), (5, 3, 2)])
def test_any_shape_and_type_is_lent(dtype, shape):
    pool, _ = _pool()
    tensor = pool.take(shape, dtype)
    assert (tensor.shape, tensor.dtype) == (torch.Size(shape), dtype)
    tensor.copy_(torch.ones(shape).to(dtype))
    assert torch.equal(tensor, torch.ones(shape).to(dtype))


def test_beyond_the_bound_ordinary_memory_is_lent_and_idle_blocks_go_first():
    pool, allocated = _pool(limit_bytes=16384)
    small = pool.take((4096,), torch.uint8)
    pool.give_back(small)
    large = pool.take((16384,), torch.uint8)
    assert pool.held_bytes == 16384
    beyond = pool.take((1,), torch.uint8)
    pool.give_back(beyond)
    assert (pool.held_bytes, allocated) == (16384, [4096, 16384])
    assert large.numel() == 16384


def test_a_tensor_that_nobody_gives_back_leaves_the_count_when_it_is_gone():
    pool, _ = _pool()
    tensor = pool.take((10,), torch.float32)
    assert pool.held_bytes == 4096
    del tensor
    gc.collect()
    assert pool.held_bytes == 0


def test_memory_taken_in_inference_mode_can_be_written_to_outside_it():
    pool, _ = _pool()
    with torch.inference_mode():
        tensor = pool.take((4,), torch.float32)
    tensor.fill_(1)
    pool.give_back(tensor)
    pool.take((4,), torch.float32).fill_(2)


def test_where_the_system_locks_no_more_pages_ordinary_memory_is_lent():
    pool = StagingPool(lambda size: None, 1 << 20)
    assert pool.take((3,), torch.float32).shape == (3,)
    assert pool.held_bytes == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40000)), max_size=60))
def test_what_is_lent_never_overlaps_and_never_exceeds_the_bound(steps):
    pool, _ = _pool(limit_bytes=100_000)
    lent: list[torch.Tensor] = []
    for number, (back, size) in enumerate(steps):
        if back and lent:
            pool.give_back(lent.pop(size % len(lent)))
        else:
            lent.append(pool.take((size,), torch.int16).fill_(number))
        assert pool.held_bytes <= 100_000
    values = [int(tensor[0]) for tensor in lent]
    assert len(set(values)) == len(values)
    assert all(bool((tensor == value).all()) for tensor, value in zip(lent, values, strict=True))
