"""A model driven without the runner: one batch after the other, in a plain loop, the way a careful script does it."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from benchmarks.gpu.models import Case, Rows
from jubako_torch_runner.device import Device, HostBatch

_WARM_UP_BATCHES = 5


def make_reference(case: Case, device: str) -> torch.nn.Module:
    """The module itself, on a device that torch knows."""
    return case.make_module().to(device)


def compute(module: torch.nn.Module, rows: Rows, device: str) -> torch.Tensor:
    """What the module answers to some rows, in host memory."""
    with torch.inference_mode():
        answer: torch.Tensor = module(*(torch.from_numpy(argument).to(device) for argument in rows)).cpu()
    return answer


def drive_on_cpu(module: torch.nn.Module, rows: Rows, seconds: float) -> float:
    """Rows per second of one batch of these rows after the other."""
    tensors = [torch.from_numpy(argument) for argument in rows]

    def batch() -> None:
        module(*tensors)

    return _rate(batch, len(rows[0]), seconds)


def drive_on_cuda(module: torch.nn.Module, rows: Rows, seconds: float, device: str) -> float:
    """The same on a GPU: into pinned memory, to the device, computed, back into pinned memory, and waited for."""
    given = [torch.from_numpy(argument) for argument in rows]
    pinned = [torch.empty_like(tensor, pin_memory=True) for tensor in given]
    answers = torch.empty_like(compute(module, rows, device), pin_memory=True)
    here = torch.device(device)

    def batch() -> None:
        for target, tensor in zip(pinned, given, strict=True):
            target.copy_(tensor)
        answers.copy_(module(*(tensor.to(here, non_blocking=True) for tensor in pinned)), non_blocking=True)
        torch.cuda.synchronize(here)

    return _rate(batch, len(rows[0]), seconds)


def drive_on_device(device: Device, module: torch.nn.Module, rows: Rows, seconds: float) -> float:
    """The same on a device of the plugin, each batch waited for before the next is begun."""

    def batch() -> None:
        staged = []
        for argument in rows:
            tensor = torch.from_numpy(argument)
            staged.append(device.staging(tensor.shape, tensor.dtype).copy_(tensor))
        device.begin(module, HostBatch(tuple(staged), {})).wait()

    return _rate(batch, len(rows[0]), seconds)


def _rate(batch: Callable[[], None], rows: int, seconds: float) -> float:
    with torch.inference_mode():
        for _ in range(_WARM_UP_BATCHES):
            batch()
        begun_s = time.perf_counter()
        batches = 0
        while time.perf_counter() - begun_s < seconds:
            batch()
            batches += 1
        return rows * batches / (time.perf_counter() - begun_s)
