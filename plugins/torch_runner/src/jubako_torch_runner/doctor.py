"""What `jubako doctor` says of PyTorch: what a runner will get on this machine. Imports no torch."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from jubako.contracts.command import CheckResult, CheckStatus
from jubako.plugins import Composition
from jubako.runners.machine import discover_machine
from jubako.settings import Settings
from jubako.values.machine import Machine
from jubako.values.resources import ResourceQuota

_ALLOCATOR = "PYTORCH_CUDA_ALLOC_CONF"
# The name that newer releases read first.
_ALLOCATORS = ("PYTORCH_ALLOC_CONF", _ALLOCATOR)
_VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
_INSTALL = "install a build of PyTorch for CUDA, see https://pytorch.org/get-started/locally/"
# NVIDIA, "CUDA Compatibility", minor version compatibility: the oldest driver on Linux for each major version of CUDA.
_OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}
_ASSIGNED = re.compile(r"""^(cuda|hip|xpu)\b[^=]*=\s*['"]([^'"]+)['"]\s*$""", re.MULTILINE)


@attrs.frozen
class TorchBuild:
    """The PyTorch that is installed, read from its files.

    Args:
        version: such as `2.10.0+cu128`.
        platform: what it computes on beside the CPU: `cuda`, `hip`, `xpu`; empty for nothing, None if not known.
        platform_version: of that, such as `12.8`.
    """

    version: str
    platform: str | None = ""
    platform_version: str = ""


def check(_: Composition, settings: Settings, /) -> Iterator[CheckResult]:
    """Look at PyTorch, the GPUs, and what the settings make of them."""
    yield from check_torch(find_build(), discover_machine(), settings, os.environ)


def find_build() -> TorchBuild | None:
    """What is installed; None if nothing is. Importing torch would take seconds, and tell no more."""
    try:
        version = importlib.metadata.version("torch")
        found = importlib.util.find_spec("torch")
        if found is None or found.origin is None:
            return None
        text = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None
    except OSError:
        return TorchBuild(version, None)
    assigned = _ASSIGNED.search(text)
    return TorchBuild(version, assigned[1], assigned[2]) if assigned else TorchBuild(version)


def check_torch(
    build: TorchBuild | None, machine: Machine, settings: Settings, environment: Mapping[str, str]
) -> Iterator[CheckResult]:
    """Say what a runner gets.

    Args:
        build: the PyTorch that is installed; None if there is none.
        machine: what there is.
        settings: in force.
        environment: of the processes that serve.
    """
    if build is None:
        words = (
            "Models of PyTorch can be stored and moved, but neither saved nor served: the package 'torch' is missing."
        )
        yield CheckResult(CheckStatus.WARN, words, "pip install torch")
        return
    yield CheckResult(CheckStatus.OK, f"PyTorch {build.version}, {_describe_platform(build)}.")
    mismatch = _find_mismatch(build, machine)
    if mismatch is not None:
        yield mismatch
    quota = attrs.evolve(ResourceQuota(), **settings.runners.resources.changes())
    gpus_are_used = mismatch is None and bool(machine.gpus) and build.platform in ("cuda", None)
    yield from _describe_runners(machine, quota, gpus_are_used=gpus_are_used, environment=environment)
    if gpus_are_used:
        yield from _check_allocator(environment)


def _describe_platform(build: TorchBuild) -> str:
    if build.platform is None:
        return "built for what cannot be told"
    if not build.platform:
        return "built for the CPU"
    names = {"cuda": "CUDA", "hip": "ROCm", "xpu": "Intel GPUs"}
    return f"built for {names[build.platform]} {build.platform_version}"


def _find_mismatch(build: TorchBuild, machine: Machine) -> CheckResult | None:
    """What keeps this build from using the GPUs that are there."""
    if not machine.gpus:
        return None
    if build.platform not in ("cuda", None):
        words = f"There are {len(machine.gpus)} GPUs, and this build of PyTorch cannot use them."
        if len(machine.gpus) == 1:
            words = f"There is a GPU, {machine.gpus[0].name}, and this build of PyTorch cannot use it."
        return CheckResult(CheckStatus.WARN, words, f"{_INSTALL}, or set runners.resources.gpus to 0 to have it so")
    oldest = _OLDEST_DRIVER.get(_first_number(build.platform_version))
    driver = _first_number(machine.gpu_driver)
    if oldest is None or not driver or driver >= oldest:
        return None
    return CheckResult(
        CheckStatus.FAIL,
        f"The NVIDIA driver {machine.gpu_driver} is too old for CUDA {build.platform_version} of this PyTorch.",
        f"update the driver to {oldest} or newer, or install a PyTorch built for an older CUDA",
    )


def _describe_runners(
    machine: Machine, quota: ResourceQuota, *, gpus_are_used: bool, environment: Mapping[str, str]
) -> Iterator[CheckResult]:
    if quota.on_gpu and not gpus_are_used:
        asked = f"runners.resources.gpus asks for {quota.gpus!r}, and no GPU can be used"
        if quota.missing_gpu == "error":
            do = "set runners.resources.missing_gpu to cpu, or gpus to 0, or make a GPU available"
            yield CheckResult(CheckStatus.FAIL, f"{asked}: a runner will not start.", do)
        else:
            do = "set runners.resources.gpus to 0 if that is meant"
            yield CheckResult(CheckStatus.WARN, f"{asked}: runners compute on the CPU, as missing_gpu says.", do)
            yield _describe_cpu(machine, quota)
        return
    if not gpus_are_used or (quota.gpus is not None and not quota.on_gpu):
        yield _describe_cpu(machine, quota)
        if environment.get(_VISIBLE_DEVICES) == "" and machine.hidden_gpus:
            words = f"{_VISIBLE_DEVICES} is empty, which hides {machine.hidden_gpus} GPUs from PyTorch."
            yield CheckResult(CheckStatus.WARN, words, f"unset {_VISIBLE_DEVICES} if runners are to use them")
        return
    gpus = ", ".join(f"{gpu.index} ({gpu.name})" for gpu in machine.gpus)
    if quota.gpus in (None, "all"):
        words = f"A runner has one replica on each GPU: {gpus}. Its batches are as large as their memory allows."
    else:
        words = f"A runner has {_describe_quota(quota.gpus)} of the GPUs {gpus}, by the setting runners.resources.gpus."
    yield CheckResult(CheckStatus.OK, words)


def _describe_quota(gpus: object) -> str:
    if isinstance(gpus, tuple):
        return f"those with index {', '.join(map(str, gpus))}"
    return f"{gpus:g}" if isinstance(gpus, int | float) else f"{gpus}"


def _describe_cpu(machine: Machine, quota: ResourceQuota) -> CheckResult:
    cpus = machine.cpus if quota.cpu is None else min(machine.cpus, quota.cpu)
    threads = max(1, math.floor(cpus))
    noun = "thread" if threads == 1 else "threads"
    words = f"A runner computes on the CPU with {threads} {noun}, which its replicas share."
    return CheckResult(CheckStatus.OK, words)


def _check_allocator(environment: Mapping[str, str]) -> Iterator[CheckResult]:
    """Batches of many sizes leave holes in the device's memory, unless its segments can grow."""
    settings = ",".join(environment.get(name, "") for name in _ALLOCATORS)
    if "expandable_segments:true" in settings.lower().replace(" ", ""):
        yield CheckResult(CheckStatus.OK, "PyTorch's allocator lets its segments grow.")
        return
    yield CheckResult(
        CheckStatus.OK,
        f"Where batches of many sizes run out of memory that is free in pieces, {_ALLOCATOR}=expandable_segments:True "
        "lets PyTorch use it.",
    )


def _first_number(version: str) -> int:
    number = re.match(r"\d+", version)
    return int(number[0]) if number else 0
