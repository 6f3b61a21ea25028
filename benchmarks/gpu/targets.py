"""Where models compute: on a GPU, on the processor, or on the device that the tests simulate."""

from __future__ import annotations

import contextlib
import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.gpu import plain
from benchmarks.gpu.models import CNN, ENCODER, MLP, ROW, Case, Rows
from jubako.values.placement import Placement
from jubako_torch_runner.device import Device
from jubako_torch_runner.devices import open_device

_REPORTED = ("jubako", "jubako-torch-runner", "torch", "numpy")
HALF = {"dtype": "float16", "cast_inputs": True}


class Target(ABC):
    """One place, with the models that are worth asking there.

    Attributes:
        name: as on the command line.
        gpus: for the runner's quota.
        has_clock: True if the device says when it computed and when it copied, and is nobody else's.
        answer_cases: compared with the module itself.
        light_case: for many calls.
        memory_case: for taking memory away; None where that is not to be had.
        saturation_cases: measured at saturation.
    """

    name: str
    gpus: Any
    has_clock: bool
    answer_cases: tuple[Case, ...]
    light_case: Case
    memory_case: Case | None
    saturation_cases: tuple[Case, ...]

    @abstractmethod
    def describe(self) -> Mapping[str, str]:
        """The device and what it runs with, in words."""

    def open_device(self, placement: Placement) -> Device:
        """The device of one replica."""
        return open_device(placement)

    def compute(self, case: Case, rows: Rows) -> np.ndarray:
        """What the module itself answers, on this device."""
        answer: np.ndarray = plain.compute(plain.make_reference(case, self._torch_name), rows, self._torch_name).numpy()
        return answer

    @abstractmethod
    def drive_plain(self, case: Case, rows: Rows, seconds: float) -> float:
        """Rows per second of the same model in a plain loop, in batches of exactly these rows."""

    @contextlib.contextmanager
    def less_memory(self, device: Device, case: Case, limit_rows: int) -> Iterator[None]:
        """Leave the device room for about a third of `limit_rows`, until the block ends."""
        raise NotImplementedError(f"{self.name} has memory as the system has it")
        yield

    def copies_weigh(self, case: Case) -> bool:
        """True if copying takes so long that a device which did not overlap it would show it."""
        return False

    @property
    def _torch_name(self) -> str:
        return "cpu"


class Cpu(Target):
    """The processor, with one thread."""

    name = "cpu"
    gpus = 0
    has_clock = False
    answer_cases = (MLP, CNN, ENCODER, replace(MLP, load=HALF, tolerance=1e-2))
    light_case = ROW
    memory_case = None
    saturation_cases = (MLP,)

    def describe(self) -> Mapping[str, str]:
        """See `Target`."""
        return {"device": f"cpu, {torch.get_num_threads()} threads", **describe_versions()}

    def drive_plain(self, case: Case, rows: Rows, seconds: float) -> float:
        """See `Target`."""
        return plain.drive_on_cpu(plain.make_reference(case, "cpu"), rows, seconds)


class Cuda(Target):
    """A GPU of NVIDIA's.

    Args:
        name: such as `cuda:0`.
    """

    has_clock = True
    # Kernels are chosen by the size of the batch, so that float32 differs a little more than on a processor.
    answer_cases = (
        *(replace(case, tolerance=1e-4) for case in (MLP, CNN, ENCODER)),
        *(replace(case, tolerance=1e-2, load=HALF) for case in (MLP, CNN)),
        replace(ENCODER, tolerance=1e-2, load={"autocast": "float16"}),
        replace(MLP, tolerance=1e-4, load={"compile": True}),
    )
    light_case = replace(MLP, tolerance=1e-4)
    memory_case = replace(CNN, tolerance=1e-4, max_batch_size=2048)
    saturation_cases = (
        replace(ENCODER, name="encoder-wide", init={"width": 512, "layers": 6}, max_batch_size=256),
        replace(CNN, max_batch_size=512),
        replace(MLP, max_batch_size=4096),
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self._device = torch.device(name)
        self.gpus = [self._device.index or 0]

    @property
    def _torch_name(self) -> str:
        return self.name

    def describe(self) -> Mapping[str, str]:
        """See `Target`."""
        properties = torch.cuda.get_device_properties(self._device)
        return {
            "device": f"{self.name}, {properties.name}, {properties.total_memory / 2**30:.1f} GiB",
            "CUDA": str(torch.version.cuda),
            **describe_versions(),
        }

    def drive_plain(self, case: Case, rows: Rows, seconds: float) -> float:
        """See `Target`."""
        return plain.drive_on_cuda(plain.make_reference(case, self.name), rows, seconds, self.name)

    @contextlib.contextmanager
    def less_memory(self, device: Device, case: Case, limit_rows: int) -> Iterator[None]:
        """See `Target`; what is taken is one tensor that nobody uses."""
        module = plain.make_reference(case, self.name)
        rows = case.make_rows(np.random.default_rng(1), limit_rows)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)
        before_bytes = torch.cuda.memory_allocated(self._device)
        plain.compute(module, rows, self.name)
        peak_bytes = torch.cuda.max_memory_allocated(self._device) - before_bytes
        del module
        torch.cuda.empty_cache()
        free_bytes = min(torch.cuda.mem_get_info(self._device)[0], device.memory().limit_bytes - before_bytes)
        taken = torch.empty(max(0, free_bytes - peak_bytes // 3), dtype=torch.uint8, device=self._device)
        try:
            yield
        finally:
            del taken
            torch.cuda.empty_cache()

    def copies_weigh(self, case: Case) -> bool:
        """See `Target`; an image is 48 kB, a text half a kB."""
        return case.name == "cnn"


def describe_versions() -> dict[str, str]:
    """The versions of what takes part."""
    return {name: importlib.metadata.version(name) for name in _REPORTED}
