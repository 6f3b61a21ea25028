"""What quotas mean on machines of several sizes."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import GpuNotFound, InvalidArgument
from jubako.values.machine import Gpu, Machine
from jubako.values.placement import Placement, place_by_quota
from jubako.values.resources import ResourceQuota


def machine(gpus, *, cpus=8, **changes):
    devices = [Gpu(index, f"GPU-{index}", "H100", 1 << 36) for index in range(gpus)]
    return Machine(cpus, 1 << 34, devices, **{"gpu_driver": "570" if gpus else "", **changes})


def chosen(gpus, on, replicas=1):
    placements = place_by_quota(ResourceQuota(gpus=gpus), on, replicas)
    return [(one.gpu_index, one.gpu_share, one.environment.get("CUDA_VISIBLE_DEVICES")) for one in placements]


@pytest.mark.parametrize(
    ("gpus", "there", "expected"),
    [
        ("all", 1, [0]),
        ("all", 4, [0, 1, 2, 3]),
        (1, 1, [0]),
        (2, 4, [0, 1]),
        ([0, 2], 4, [0, 2]),
        ([3, 1], 4, [3, 1]),
        ("1", 2, [1]),
    ],
)
def test_there_is_one_replica_for_each_whole_gpu_and_each_sees_its_own_only(gpus, there, expected):
    # num_replica is for the CPU and for fractions.
    assert chosen(gpus, machine(there), replicas=3) == [(index, 1.0, f"GPU-{index}") for index in expected]
    placements = place_by_quota(ResourceQuota(gpus=gpus), machine(there), 1)
    assert {placement.device for placement in placements} == {"cuda:0"}


def test_gpus_that_are_not_named_are_those_of_which_least_is_taken():
    taken = machine(4).with_taken(0, 1).with_taken(2, 0.25)
    assert [index for index, *_ in chosen(2, taken)] == [1, 3]
    assert [index for index, *_ in chosen(3, taken)] == [1, 3, 2]
    assert chosen(0.5, taken) == [(1, 0.5, "GPU-1")]


def test_a_fraction_has_as_many_replicas_as_the_runner_says_each_where_least_is_taken():
    assert chosen(0.5, machine(2)) == [(0, 0.5, "GPU-0")]
    assert [index for index, *_ in chosen(0.5, machine(2), replicas=3)] == [0, 1, 0]
    assert [index for index, *_ in chosen(0.25, machine(1), replicas=4)] == [0, 0, 0, 0]


@pytest.mark.parametrize("there", [0, 2])
def test_no_gpu_is_the_cpu_and_zero_hides_what_there_is(there):
    assert chosen(None, machine(there), replicas=2) == [(None, 1.0, None)] * 2
    assert chosen(0, machine(there), replicas=2) == [(None, 1.0, "")] * 2


def test_replicas_share_the_processors_on_gpus_too():
    placements = place_by_quota(ResourceQuota(gpus="all"), machine(4), 1)
    assert [one.threads for one in placements] == [2, 2, 2, 2]
    assert placements[0].environment["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize(
    ("gpus", "on", "message"),
    [
        ("all", machine(0), "all GPUs cannot be had.\nNo NVIDIA driver was found.\nDo: ask for what there is, or set"),
        (1, machine(0), "a GPU cannot be had.\nNo NVIDIA driver was found."),
        (0.5, machine(0), "0.5 of a GPU cannot be had.\n"),
        (3, machine(2), "3 GPUs cannot be had.\nThere are 0 (H100), 1 (H100).\n"),
        ([1, 4, 5], machine(2), "GPU 4, 5 cannot be had.\n"),
        ([1], machine(1), "GPU 1 cannot be had.\nThere is 0 (H100).\n"),
        (2, machine(1, hidden_gpus=3), "There is 0 (H100); CUDA_VISIBLE_DEVICES hides 3 more.\n"),
        ("all", machine(0, gpu_driver="570", hidden_gpus=2), "CUDA_VISIBLE_DEVICES hides all 2 that there are.\n"),
        (1, machine(0, gpu_driver="570"), "There is a driver, and no device.\n"),
        (1, machine(0, gpu_fault="The driver sleeps."), "a GPU cannot be had.\nThe driver sleeps.\nDo: "),
    ],
)
def test_a_gpu_that_is_not_there_is_an_error_that_says_what_is(gpus, on, message):
    with pytest.raises(GpuNotFound) as caught:
        place_by_quota(ResourceQuota(gpus=gpus), on, 1)
    assert message in str(caught.value)
    assert str(caught.value).endswith("set runners.resources.missing_gpu to cpu")


@given(
    there=st.integers(1, 4),
    quotas=st.lists(st.sampled_from([None, 0, 1, "all", 0.5, 0.25, 0.1]), min_size=1, max_size=6),
    replicas=st.integers(1, 4),
)
def test_whatever_runners_ask_for_shares_add_up_and_fractions_are_spread(there, quotas, replicas):
    on = machine(there)
    total = 0.0
    for gpus in quotas:
        placements = place_by_quota(ResourceQuota(gpus=gpus), on, replicas)
        assert len(placements) == (there if gpus == "all" else 1 if gpus == 1 else replicas)
        for placement in placements:
            if placement.gpu_index is not None:
                on = on.with_taken(placement.gpu_index, placement.gpu_share)
                total += placement.gpu_share
    taken = [gpu.taken_share for gpu in on.gpus]
    assert sum(taken) == pytest.approx(total)
    # What goes where least is taken is never further apart than one whole device.
    assert max(taken) - min(taken) <= 1 + 1e-9


def test_in_a_process_that_runs_already_a_gpu_has_its_own_index_and_the_environment_stays():
    placement = place_by_quota(ResourceQuota(gpus=[2]), machine(4), 1)[0]
    here = placement.in_this_process()
    assert (here.device, here.environment, here.gpu_index) == ("cuda:2", {}, 2)
    on_cpu = place_by_quota(ResourceQuota(), machine(4), 1)[0]
    assert on_cpu.in_this_process() == on_cpu


def test_threads_are_changed_in_the_environment_too():
    placement = Placement(threads=2, environment={"OMP_NUM_THREADS": "2", "OWN": "2"})
    assert placement.with_threads(5) == Placement(threads=5, environment={"OMP_NUM_THREADS": "5", "OWN": "2"})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"device": ""}, "Placement.device cannot be ''"),
        ({"device": 0}, "write cpu, or a name such as cuda:0"),
        ({"environment": {"A": 1}}, "give names and values as texts"),
        ({"environment": ["A"]}, "Placement.environment cannot be"),
        ({"gpu_index": -1}, "Placement.gpu_index cannot be -1"),
        ({"gpu_share": 0}, "Placement.gpu_share cannot be 0"),
        ({"gpu_share": 1.5}, "give a fraction, or 1 for all of it"),
    ],
)
def test_placements_that_make_no_sense_are_refused(wrong, words):
    with pytest.raises(InvalidArgument, match=words):
        Placement(**wrong)


def test_taking_a_share_leaves_the_machine_as_it_was():
    before = machine(2)
    after = before.with_taken(1, 0.5)
    assert [gpu.taken_share for gpu in after.gpus] == [0.0, 0.5]
    assert attrs.evolve(after, gpus=before.gpus) == before


@pytest.mark.parametrize("wrong", ["gpu", None, 1])
def test_what_follows_a_missing_gpu_is_one_of_two(wrong):
    with pytest.raises(InvalidArgument, match="write error or cpu"):
        ResourceQuota(missing_gpu=wrong)
