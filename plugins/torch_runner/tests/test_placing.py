"""Where PyTorch runners compute on machines of several sizes; none of them has to be there, and torch is no import."""

from __future__ import annotations

import logging
import sys

import attrs
import pytest

from jubako.errors import GpuNotFound
from jubako.plugins import compose, place_runner
from jubako.runners import Runner
from jubako.settings import PluginSettings
from jubako.testing import PlacementTests
from jubako.testing.placement_tests import make_machine
from jubako.values.resources import ResourceQuota
from jubako_torch_runner.placing import is_torch_runner, place_torch_runner


class Echo(Runner):
    def _setup(self):
        pass

    def _run_batch(self, rows):
        return rows


# As the class of a model's runner is known: by its name, for its module need not be imported.
TorchRunner = type("TorchRunner", (Echo,), {"__module__": "jubako_torch_runner.runner"})


class Own(TorchRunner):
    """Of a user."""


def placed(gpus, there, *, runner=TorchRunner, has_cuda=True, **quota):
    return place_torch_runner(
        runner("model"), ResourceQuota(gpus=gpus, **quota), make_machine(there), has_cuda=has_cuda
    )


def test_the_runner_is_recognised_by_its_class():
    from jubako_torch_runner.runner import TorchRunner as Real

    assert (Real.__module__, Real.__qualname__) == ("jubako_torch_runner.runner", "TorchRunner")
    assert is_torch_runner(Own("own"))
    assert not is_torch_runner(Echo("echo"))


class TestPlacing(PlacementTests):
    name = "torch_runner"

    def make_runner(self):
        return TorchRunner("model")

    def place(self, runner, quota, machine):
        # The build of PyTorch that is installed decides as well; here it is one for CUDA.
        return place_torch_runner(runner, quota, machine, has_cuda=True)


def test_the_plugin_has_the_hook():
    composition = compose(PluginSettings(allow=("torch_runner",)))
    (placement,) = place_runner(composition, TorchRunner("model"), ResourceQuota(gpus=0), make_machine(2))
    assert placement.device == "cpu"
    report = next(report for report in composition.reports if report.name == "torch_runner")
    assert report.place_runner(TorchRunner("model"), ResourceQuota(gpus=0), make_machine(2)) == (placement,)
    assert report.place_runner(Echo("echo"), ResourceQuota(), make_machine(2)) is None


@pytest.mark.parametrize("there", [1, 2, 4])
def test_without_a_quota_there_is_one_replica_on_each_gpu(there):
    assert [placement.gpu_index for placement in placed(None, there, runner=Own)] == list(range(there))


def test_or_the_cpu_with_its_cores_shared_where_there_is_none():
    (placement,) = placed(None, 0)
    assert (placement.device, placement.threads) == ("cpu", 8)
    assert "CUDA_VISIBLE_DEVICES" not in placement.environment


def test_the_cpu_can_be_forced():
    (placement,) = placed(0, 2, cpu=3)
    assert (placement.device, placement.threads) == ("cpu", 3)
    assert placement.environment["CUDA_VISIBLE_DEVICES"] == ""


def test_a_fraction_is_a_share_of_the_memory():
    (placement,) = placed(0.25, 2)
    assert (placement.gpu_index, placement.gpu_share) == (0, 0.25)


def test_a_gpu_that_is_not_there_is_an_error():
    with pytest.raises(GpuNotFound, match="GPU 5 cannot be had"):
        placed([5], 2)


def test_a_build_for_the_cpu_takes_no_gpu_and_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        (placement,) = placed(None, 2, has_cuda=False)
    assert placement.device == "cpu"
    assert "runner 'model' computes on the CPU, for the PyTorch that is installed is a build for the CPU" in caplog.text
    assert "To use Simulated, install one for CUDA" in caplog.text
    with pytest.raises(GpuNotFound, match=r"no GPU can be used.\nThe PyTorch that is installed is a build for the CPU"):
        placed("all", 2, has_cuda=False)


def test_a_driver_that_cannot_be_asked_is_told(caplog):
    machine = attrs.evolve(make_machine(0), gpu_fault="There is a driver, but no 'nvidia-ml-py'.")
    with caplog.at_level(logging.WARNING):
        (placement,) = place_torch_runner(TorchRunner("model"), ResourceQuota(), machine)
    assert placement.device == "cpu"
    assert "runner 'model' computes on the CPU. There is a driver, but no 'nvidia-ml-py'." in caplog.text


@pytest.mark.parametrize(("line", "has_cuda"), [("cuda: Optional[str] = None", False), ("cuda = '13.0'", True)])
def test_what_pytorch_was_built_for_is_read_without_importing_it(tmp_path, monkeypatch, line, has_cuda):
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('this is not to be imported')\n")
    (package / "version.py").write_text(f"__version__ = '2.13.0'\ndebug = False\n{line}\nhip: Optional[str] = None\n")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    placements = place_torch_runner(TorchRunner("model"), ResourceQuota(), make_machine(1))
    assert (placements[0].device == "cuda:0") is has_cuda
