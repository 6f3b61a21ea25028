"""Placing the runners of a Service, one after the other, on machines of several sizes."""

from __future__ import annotations

import logging

import pytest

from jubako.errors import GpuNotFound, InvalidArgument
from jubako.plugins import compose
from jubako.runners import Runner
from jubako.runners.placing import Placer
from jubako.settings import load_settings
from jubako.testing.placement_tests import make_machine


class Echo(Runner):
    replicas = 1

    @property
    def num_replica(self):
        return self.replicas

    def _setup(self):
        pass

    def _run_batch(self, rows):
        return rows


def echo(name="echo", gpus=None, **quota):
    return Echo(name, resource_quota={"gpus": gpus, **quota})


def placer(gpus, **overrides):
    settings = load_settings(overrides={key.replace("__", "."): value for key, value in overrides.items()})
    return Placer(compose(candidates=()), settings, make_machine(gpus))


def indices(placements):
    return [placement.gpu_index for placement in placements]


def test_runners_of_one_service_are_spread_over_its_gpus():
    placing = placer(4)
    assert indices(placing.place(echo("one", 1))) == [0]
    assert indices(placing.place(echo("two", 2))) == [1, 2]
    assert indices(placing.place(echo("half", 0.5))) == [3]
    assert indices(placing.place(echo("other_half", 0.5))) == [3]
    assert indices(placing.place(echo("everywhere", "all"))) == [0, 1, 2, 3]


def test_fractions_that_do_not_fit_are_given_and_told(caplog):
    placing = placer(1)
    with caplog.at_level(logging.WARNING):
        for name in ("a", "b", "c"):
            placing.place(echo(name, 0.4))
    assert len(caplog.records) == 1
    assert "runner 'c' gets 0.4 of GPU 0, of which 0.8 is taken already; give runners smaller" in caplog.text


def test_tenths_that_add_up_are_no_news(caplog):
    placing = placer(1)
    for name in range(10):
        placing.place(echo(f"r{name}", 0.1))
    assert caplog.text == ""


def test_the_operator_has_the_last_word_for_all_and_for_one():
    placing = placer(2, runners__resources__gpus="all", runners__named={"small": {"resources": {"gpus": 0.5}}})
    assert indices(placing.place(echo("large", 0))) == [0, 1]
    (small,) = placing.place(echo("small"))
    assert small.gpu_share == 0.5


@pytest.mark.parametrize(("gpus", "there"), [("all", 0), (2, 1), (0.5, 0), ([0, 2], 2), ("0", 0)])
def test_a_missing_gpu_is_an_error_that_names_the_runner(gpus, there):
    with pytest.raises(GpuNotFound) as caught:
        placer(there).place(echo("vision", gpus))
    message, _why, do = str(caught.value).splitlines()
    assert message.startswith("runner 'vision' asks for GPUs, and ")
    assert message.endswith(" cannot be had.")
    assert do == "Do: ask for what there is, or set runners.resources.missing_gpu to cpu"


@pytest.mark.parametrize(
    "overrides",
    [
        {"runners__resources__missing_gpu": "cpu"},
        {"runners__named": {"vision": {"resources": {"missing_gpu": "cpu"}}}},
    ],
)
def test_or_it_is_the_cpu_and_one_warning(caplog, overrides):
    with caplog.at_level(logging.WARNING):
        (placement,) = placer(0, **overrides).place(echo("vision", "all"))
    assert (placement.device, placement.gpu_index) == ("cpu", None)
    assert placement.environment["CUDA_VISIBLE_DEVICES"] == ""
    (record,) = caplog.records
    assert record.getMessage() == (
        "runner 'vision' computes on the CPU, for all GPUs cannot be had. No NVIDIA driver was found. "
        "runners.resources.missing_gpu says so"
    )


def test_the_service_itself_may_say_so_too():
    assert placer(0).place(echo("vision", "all", missing_gpu="cpu"))[0].device == "cpu"


def test_here_there_is_one_replica_on_the_least_taken_gpu_that_was_asked_for():
    placing = placer(3)
    first, second = placing.place_here(echo("one", [0, 2])), placing.place_here(echo("two", "all"))
    assert (first.device, second.device) == ("cuda:0", "cuda:1")
    assert placing.place_here(echo("three", [0, 2])).device == "cuda:2"
    assert first.environment == {}


def test_here_it_has_the_threads_of_all_replicas():
    runner = echo()
    runner.replicas = 4
    placement = placer(0).place_here(runner)
    assert (placement.threads, placement.environment["OMP_NUM_THREADS"]) == (8, "8")
    assert [one.threads for one in placer(0).place(runner)] == [2, 2, 2, 2]


@pytest.mark.parametrize("replicas", [0, -1, True, 1.0, None])
def test_replicas_that_are_no_number_are_refused(replicas):
    runner = echo()
    runner.replicas = replicas
    with pytest.raises(InvalidArgument, match=rf"runner 'echo' cannot have {replicas} replicas.*\n.*num_replica"):
        placer(0).place(runner)


def test_in_a_script_a_runner_asks_for_what_is_there():
    runner = echo(gpus=[999])
    with pytest.raises(GpuNotFound, match="runner 'echo' asks for GPUs, and GPU 999 cannot be had"):
        runner.run(1)
    runner.resource_quota.gpus = 0
    assert runner.run(1) == 1
    assert runner.placement.device == "cpu"
