"""Where PyTorch runners compute: on every GPU that there is, unless their quota says otherwise. Imports no torch."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from jubako.errors import GpuNotFound
from jubako.values.machine import Machine
from jubako.values.placement import Placement, place_by_quota
from jubako.values.resources import ResourceQuota

_logger = logging.getLogger(__name__)

_RUNNER = ("jubako_torch_runner.runner", "TorchRunner")
# PyTorch says in torch/version.py what it was built for.
_NO_CUDA = re.compile(r"^cuda\b[^=]*=\s*None\s*$", re.MULTILINE)


def place_torch_runner(
    runner: Any, quota: ResourceQuota, machine: Machine, *, has_cuda: bool | None = None
) -> Sequence[Placement] | None:
    """Place a `TorchRunner`; leave any other to the next plugin.

    Without a quota of GPUs it has one replica on each GPU, or if there is none, those that it has on the CPU, which
    share the processors.

    Args:
        runner: any runner.
        quota: the one in force.
        machine: what there is.
        has_cuda: whether the PyTorch that is installed can use GPUs; looked up if None.

    Raises:
        GpuNotFound: it asks for a GPU that is not there, or that this build of PyTorch cannot use.
    """
    if not is_torch_runner(runner):
        return None
    if not quota.on_gpu:
        return place_by_quota(_by_default(runner, quota, machine, has_cuda), machine, runner.num_replica)
    if not _can_use_cuda(has_cuda):
        raise GpuNotFound(
            "no GPU can be used.",
            why="The PyTorch that is installed is a build for the CPU.",
            do="install one for CUDA, see pytorch.org, or set runners.resources.missing_gpu to cpu",
        )
    return place_by_quota(quota, machine, runner.num_replica)


def is_torch_runner(runner: Any) -> bool:
    """True for a `TorchRunner` and instances of its subclasses; the class need not have been imported."""
    return any((kind.__module__, kind.__qualname__) == _RUNNER for kind in type(runner).__mro__)


def _by_default(runner: Any, quota: ResourceQuota, machine: Machine, has_cuda: bool | None) -> ResourceQuota:
    if quota.gpus is not None:
        return quota
    if machine.gpu_fault:
        # Nobody has asked for a GPU by name, but a machine that has one is expected to use it.
        _logger.warning("runner %r computes on the CPU. %s", runner.name, machine.gpu_fault)
    elif machine.gpus and not _can_use_cuda(has_cuda):
        _logger.warning(
            "runner %r computes on the CPU, for the PyTorch that is installed is a build for the CPU. To use %s, "
            "install one for CUDA; set its resource_quota.gpus to 0 if the CPU is meant",
            runner.name,
            machine.gpus[0].name,
        )
    elif machine.gpus:
        return attrs.evolve(quota, gpus="all")
    return quota


def _can_use_cuda(known: bool | None) -> bool:
    """Whether PyTorch was built for GPUs, read from its file and not by importing it; True where that is not known."""
    if known is not None:
        return known
    try:
        found = importlib.util.find_spec("torch")
        text = Path(found.origin or "").with_name("version.py").read_text(encoding="utf-8") if found else ""
    except (OSError, ValueError):
        return True
    return not _NO_CUDA.search(text)
