from __future__ import annotations

import attrs
import pytest

from jubako.errors import InvalidArgument
from jubako.values.machine import Gpu, Machine
from jubako.values.placement import Placement, place_on_cpu
from jubako.values.resources import BatchOptions, ResourceQuota
from jubako.values.signature import Signature


@pytest.mark.parametrize(
    ("given", "cpus"), [(None, None), (2, 2.0), (0.5, 0.5), ("2", 2.0), ("500m", 0.5), ("1.5", 1.5)]
)
def test_processors_are_read_in_every_form(given, cpus):
    assert ResourceQuota(cpu=given).cpu == cpus


@pytest.mark.parametrize("given", [0, -1, "m", "", "two", float("inf"), float("nan"), "1e999"])
def test_no_number_of_processors_is_refused(given):
    with pytest.raises(InvalidArgument, match="is not a number of processors"):
        ResourceQuota(cpu=given)


@pytest.mark.parametrize(
    ("given", "size"),
    [
        (None, None),
        (1024, 1024),
        ("512", 512),
        ("2Gi", 2 << 30),
        ("2G", 2 * 10**9),
        ("1.5Ki", 1536),
        ("3 MB", 3 * 10**6),
    ],
)
def test_memory_is_read_in_every_form(given, size):
    assert ResourceQuota(memory=given).memory == size


@pytest.mark.parametrize("given", [0, -1, "", "Gi", "2Xi", "two", "0.1"])
def test_no_amount_of_memory_is_refused(given):
    with pytest.raises(InvalidArgument, match="is not an amount"):
        ResourceQuota(memory=given)


@pytest.mark.parametrize(
    ("given", "gpus"),
    [
        (None, None),
        (0, 0),
        ("all", "all"),
        (2, 2),
        (2.0, 2),
        (0.5, 0.5),
        ("0.5", 0.5),
        ("0", (0,)),
        ("2", (2,)),
        (["0", "1"], (0, 1)),
        ([0, 2], (0, 2)),
        ([], ()),
    ],
)
def test_gpus_are_read_in_every_form(given, gpus):
    assert ResourceQuota(gpus=given).gpus == gpus


@pytest.mark.parametrize("given", [-1, 1.5, True, "some", [0, 0], [-1], ["a"], {}, object()])
def test_gpus_that_make_no_sense_are_refused(given):
    with pytest.raises(InvalidArgument, match="is not understood"):
        ResourceQuota(gpus=given)


def test_assignments_are_converted_and_checked_too():
    quota = ResourceQuota()
    quota.memory = "1Ki"
    assert quota.memory == 1024
    with pytest.raises(InvalidArgument):
        quota.cpu = -1
    options = BatchOptions()
    with pytest.raises(InvalidArgument, match=r"BatchOptions\.max_batch_size cannot be 0"):
        options.max_batch_size = 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"enabled": 1},
        {"max_batch_size": 1.0},
        {"max_batch_bytes": 0},
        {"max_wait_ms": -1},
        {"max_wait_ms": float("nan")},
        {"max_latency_ms": 0},
        {"max_queue_rows": True},
        {"timeout_s": 0},
        {"timeout_s": "60"},
        {"input_batch_axis": -1},
    ],
)
def test_batch_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InvalidArgument, match=f"BatchOptions.{next(iter(wrong))} cannot be"):
        BatchOptions(**wrong)


@pytest.mark.parametrize("wrong", [{"batchable": 1}, {"input_batch_axis": -1}, {"output_batch_axis": True}])
def test_signatures_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InvalidArgument, match="Signature"):
        Signature(**wrong)


@pytest.mark.parametrize(
    ("cpu", "cpus", "replicas", "threads"),
    [(None, 8, 1, 8), (None, 8, 3, 2), (2, 8, 1, 2), (16, 8, 1, 8), (0.5, 8, 1, 1), (None, 2, 4, 1), (None, 1.9, 1, 1)],
)
def test_replicas_share_the_processors_and_have_one_thread_at_least(cpu, cpus, replicas, threads):
    placements = place_on_cpu(ResourceQuota(cpu=cpu), Machine(cpus, 1 << 30), replicas)
    assert len(placements) == replicas
    for placement in placements:
        assert placement.threads == threads
        assert placement.device == "cpu"
        assert placement.environment["OMP_NUM_THREADS"] == str(threads)


def test_a_machine_and_a_placement_check_themselves():
    machine = Machine(2, 1, [Gpu(0, "GPU-1", "H", 1)])
    assert machine.gpus == (Gpu(0, "GPU-1", "H", 1),)
    with pytest.raises(InvalidArgument):
        attrs.evolve(machine, cpus=0)
    with pytest.raises(InvalidArgument):
        Placement(threads=0)


@pytest.mark.parametrize(
    ("gpus", "on_gpu"), [(None, False), (0, False), ("all", True), (0.5, True), ([1], True), ("0", True)]
)
def test_a_quota_says_whether_it_asks_for_a_gpu(gpus, on_gpu):
    assert ResourceQuota(gpus=gpus).on_gpu is on_gpu
