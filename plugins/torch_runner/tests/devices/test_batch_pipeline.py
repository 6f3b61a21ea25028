"""The order of copies and computing, on streams that do their work as late and as disorderly as they may."""

from __future__ import annotations

import gc

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jubako_torch_runner.device import HostBatch
from jubako_torch_runner.devices.batch_pipeline import BatchPipeline
from jubako_torch_runner.devices.staging_pool import StagingPool
from jubako_torch_runner.devices.stream_calls import Stream


def _pipeline(calls, limit_bytes=1 << 20):
    pool = StagingPool(calls.allocate_pinned, limit_bytes)
    return BatchPipeline(calls, pool), pool


def _double(calls):
    """A model that doubles, on the device, whenever that gets to it."""

    def compute(x):
        out = torch.full_like(x, -2)
        calls.kernel(f"double {tuple(x.shape)}", lambda: out.copy_(x * 2))
        return {"out": out, "name": "doubled"}

    return compute


def _staged(pool, value, rows=2):
    return pool.take((rows, 3), torch.float32).fill_(value)


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 1 << 30), waits=st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_every_batch_gets_its_own_answer_in_whatever_order_the_streams_work(lazy_streams_class, seed, waits):
    calls = lazy_streams_class(seed)
    # Room for the staging memory of three batches: it is used again, and again.
    pipeline, pool = _pipeline(calls, limit_bytes=6 * 4096)
    running, answers = [], []
    for number, finish in enumerate(waits):
        running.append(pipeline.begin(_double(calls), HostBatch((_staged(pool, number),), {})))
        answers += [running.pop(0).wait() for _ in range(min(finish, len(running)))]
    answers += [batch.wait() for batch in running]
    for number, answer in enumerate(answers):
        assert answer["out"].tolist() == [[2.0 * number] * 3] * 2
        assert answer["name"] == "doubled"
    assert pool.held_bytes <= 6 * 4096


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 1 << 30))
def test_a_batch_that_nobody_waits_for_harms_no_other(lazy_streams_class, seed):
    calls = lazy_streams_class(seed)
    pipeline, pool = _pipeline(calls, limit_bytes=4 * 4096)
    for number in range(6):
        pipeline.begin(_double(calls), HostBatch((_staged(pool, number),), {}))
    answer = pipeline.begin(_double(calls), HostBatch((_staged(pool, 9),), {})).wait()
    assert answer["out"].tolist() == [[18.0] * 3] * 2


def test_the_next_batch_is_copied_before_the_present_one_is_computed(lazy_streams_class):
    calls = lazy_streams_class()
    calls.progress = lambda: None
    pipeline, pool = _pipeline(calls)
    first = pipeline.begin(_double(calls), HostBatch((_staged(pool, 1, rows=1),), {}))
    second = pipeline.begin(_double(calls), HostBatch((_staged(pool, 2, rows=2),), {}))
    assert calls.log == [], "nothing of the device was waited for"
    # As a device whose compute stream is busy: everything that may be done without it is done.
    copies = calls.work[Stream.COPY_IN]
    while copies and copies[0]():
        copies.popleft()
    assert calls.log == ["copy_in: in (1, 3)", "copy_in: in (2, 3)"]
    first.wait()
    second.wait()


def test_staging_memory_is_lent_again_only_when_its_batch_has_ended(lazy_streams_class):
    calls = lazy_streams_class()
    calls.progress = lambda: None
    pipeline, pool = _pipeline(calls)
    staged = _staged(pool, 1)
    running = pipeline.begin(_double(calls), HostBatch((staged,), {}))
    assert pool.take((2, 3), torch.float32).data_ptr() != staged.data_ptr()
    running.wait()
    assert pool.take((2, 3), torch.float32).data_ptr() == staged.data_ptr()


def test_results_stay_as_they_are_when_later_batches_use_their_pinned_memory(lazy_streams_class):
    calls = lazy_streams_class()
    pipeline, pool = _pipeline(calls, limit_bytes=2 * 4096)
    answers = [pipeline.begin(_double(calls), HostBatch((_staged(pool, n),), {})).wait() for n in range(5)]
    assert [answer["out"][0, 0].item() for answer in answers] == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_times_are_those_of_the_streams_own_work(lazy_streams_class):
    calls = lazy_streams_class()
    pipeline, pool = _pipeline(calls)
    running = pipeline.begin(_double(calls), HostBatch((_staged(pool, 1),), {}))
    running.wait()
    assert (running.times.copy_s, running.times.compute_s) == (2.0, 1.0)


def test_after_an_error_of_the_model_nothing_is_held_and_the_next_batch_works(lazy_streams_class):
    calls = lazy_streams_class()
    pipeline, pool = _pipeline(calls)

    def compute(x):
        _double(calls)(x)
        raise ValueError("no such class: 7")

    staged = _staged(pool, 1)
    with pytest.raises(ValueError, match="no such class: 7"):
        pipeline.begin(compute, HostBatch((staged,), {}))
    assert not any(calls.work.values()), "the device has ended what was given to it"
    assert pool.take((2, 3), torch.float32).data_ptr() == staged.data_ptr()
    assert pipeline.begin(_double(calls), HostBatch((), {"x": _staged(pool, 4)})).wait()["out"][0, 0] == 8


ASSERTED = "CUDA error: device-side assert triggered"


@pytest.mark.parametrize("where", ["begin", "wait"])
def test_a_device_that_takes_no_work_any_more_is_told_of(lazy_streams_class, where):
    calls = lazy_streams_class()
    told = []
    pool = StagingPool(calls.allocate_pinned, 1 << 20)
    pipeline = BatchPipeline(calls, pool, told.append)

    def compute(x):
        if where == "begin":
            calls.fault = ASSERTED
            raise RuntimeError(ASSERTED)
        return _double(calls)(x)

    def compute_one():
        running = pipeline.begin(compute, HostBatch((_staged(pool, 1),), {}))
        calls.fault = ASSERTED
        running.wait()

    with pytest.raises(RuntimeError, match=ASSERTED):
        compute_one()
    assert [str(error) for error in told] == [ASSERTED]


def test_an_error_of_the_model_is_not_taken_for_the_devices_end(lazy_streams_class):
    calls = lazy_streams_class()
    told = []
    pool = StagingPool(calls.allocate_pinned, 1 << 20)
    pipeline = BatchPipeline(calls, pool, told.append)
    with pytest.raises(ZeroDivisionError):
        pipeline.begin(lambda x: 1 / 0, HostBatch((_staged(pool, 1),), {}))
    assert told == []


def test_draining_ends_all_work(lazy_streams_class):
    calls = lazy_streams_class()
    pipeline, pool = _pipeline(calls)
    pipeline.begin(_double(calls), HostBatch((_staged(pool, 1),), {}))
    pipeline.drain()
    assert not any(calls.work.values())
    gc.collect()
    pool.forget()
    assert pool.held_bytes == 0
