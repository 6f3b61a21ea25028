"""What `jubako doctor` says of PyTorch, on this machine and on others."""

from __future__ import annotations

import subprocess
import sys

import attrs
import pytest

from jubako.contracts.command import CheckStatus
from jubako.settings import Settings
from jubako.testing import CheckTests
from jubako.values.machine import Gpu, Machine
from jubako_torch_runner.doctor import TorchBuild, check_torch, find_build

FOR_CPU = TorchBuild("2.13.0+cpu")
FOR_CUDA = TorchBuild("2.13.0+cu128", "cuda", "12.8")
GPU = Gpu(index=0, uuid="GPU-0", name="NVIDIA L4", memory_bytes=24 * 10**9)
NO_GPU = Machine(cpus=4.0, memory_bytes=8 * 10**9)
ONE_GPU = attrs.evolve(NO_GPU, gpus=(GPU,), gpu_driver="570.12")


def look(build=FOR_CUDA, machine=NO_GPU, environment=None, **quota):
    settings = Settings()
    resources = attrs.evolve(settings.runners.resources, **quota)
    settings = attrs.evolve(settings, runners=attrs.evolve(settings.runners, resources=resources))
    return list(check_torch(build, machine, settings, environment or {}))


def words(results):
    return " ".join(result.found for result in results)


class TestTorchCheck(CheckTests):
    name = "torch"


def test_without_torch_it_says_what_cannot_be_done_and_what_to_install():
    (result,) = look(build=None)
    assert result.status is CheckStatus.WARN
    assert "the package 'torch' is missing" in result.found
    assert result.do == "pip install torch"


def test_on_the_cpu_it_says_how_many_threads_there_are():
    version, runner = look(FOR_CPU)
    assert version.found == "PyTorch 2.13.0+cpu, built for the CPU."
    assert runner.found == "A runner computes on the CPU with 4 threads, which its replicas share."
    assert "1 thread," in words(look(FOR_CPU, cpu=1))


def test_with_a_gpu_it_says_that_a_runner_gets_it_and_how_its_memory_is_used_well():
    results = look(machine=ONE_GPU)
    assert all(result.status is CheckStatus.OK for result in results)
    assert "PyTorch 2.13.0+cu128, built for CUDA 12.8." in words(results)
    assert "one replica on each GPU: 0 (NVIDIA L4)" in words(results)
    assert "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True" in words(results)


@pytest.mark.parametrize("name", ["PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"])
def test_an_allocator_that_is_set_well_is_left_alone(name):
    results = look(machine=ONE_GPU, environment={name: "max_split_size_mb:64, expandable_segments:True"})
    assert results[-1].found == "PyTorch's allocator lets its segments grow."


def test_a_build_for_the_cpu_on_a_machine_with_a_gpu_is_a_warning():
    _, mismatch, runner = look(FOR_CPU, ONE_GPU)
    assert mismatch.status is CheckStatus.WARN
    assert mismatch.found == "There is a GPU, NVIDIA L4, and this build of PyTorch cannot use it."
    assert "pytorch.org" in mismatch.do
    assert "on the CPU" in runner.found


def test_a_driver_that_is_too_old_for_the_build_fails():
    results = look(machine=attrs.evolve(ONE_GPU, gpu_driver="470.199"))
    assert results[1].status is CheckStatus.FAIL
    assert "driver 470.199 is too old for CUDA 12.8" in results[1].found
    assert "update the driver to 525 or newer" in results[1].do


def test_a_gpu_that_is_asked_for_and_absent_fails_or_warns_by_the_setting():
    failing = look(gpus=1)[-1]
    assert failing.status is CheckStatus.FAIL
    assert "asks for 1, and no GPU can be used: a runner will not start" in failing.found
    assert "missing_gpu to cpu" in failing.do
    _, warning, runner = look(gpus=1, missing_gpu="cpu")
    assert warning.status is CheckStatus.WARN
    assert "as missing_gpu says" in warning.found
    assert "on the CPU with 4 threads" in runner.found


@pytest.mark.parametrize(
    ("gpus", "shown"), [(0.5, "has 0.5 of the GPUs"), ((0,), "has those with index 0 of the GPUs"), (1, "has 1 of the")]
)
def test_the_share_that_is_set_is_shown(gpus, shown):
    assert shown in words(look(machine=ONE_GPU, gpus=gpus))


def test_no_gpu_by_setting_means_the_cpu():
    assert "on the CPU" in words(look(machine=ONE_GPU, gpus=0))


def test_gpus_that_the_environment_hides_are_a_warning():
    results = look(machine=attrs.evolve(NO_GPU, hidden_gpus=2), environment={"CUDA_VISIBLE_DEVICES": ""})
    assert results[-1].status is CheckStatus.WARN
    assert results[-1].found == "CUDA_VISIBLE_DEVICES is empty, which hides 2 GPUs from PyTorch."


def test_the_build_is_read_without_importing_torch():
    import torch

    build = find_build()
    assert build is not None
    assert build.version == torch.__version__
    assert build.platform == ("cuda" if torch.version.cuda else "hip" if torch.version.hip else "")
    program = (
        "import sys; from jubako_torch_runner.doctor import find_build; find_build(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
