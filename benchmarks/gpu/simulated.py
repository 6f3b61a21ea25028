"""The device that the tests simulate, in real time: it answers right, and only pretends to be slow and small."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from benchmarks.gpu import plain
from benchmarks.gpu.models import ROW, Case, Rows
from benchmarks.gpu.targets import Target, describe_versions
from jubako.values.placement import Placement
from jubako_torch_runner.device import Device
from jubako_torch_runner.devices.simulated import SimulatedDevice


class Simulated(Target):
    """A batch of n rows computes for 2 ms + 0.5 ms * ceil(n / 8), a row is copied in 0.05 ms, and 37 rows fit."""

    name = "simulated"
    gpus = 0
    has_clock = True
    answer_cases = (ROW,)
    light_case = ROW
    memory_case = replace(ROW, max_batch_size=37)
    saturation_cases = (ROW,)

    def describe(self) -> Mapping[str, str]:
        """See `Target`."""
        return {"device": f"simulated: {Simulated.__doc__}", **describe_versions()}

    def open_device(self, placement: Placement) -> Device:
        """See `Target`."""
        return SimulatedDevice()

    def drive_plain(self, case: Case, rows: Rows, seconds: float) -> float:
        """See `Target`."""
        device = SimulatedDevice()
        return plain.drive_on_device(device, device.place(case.make_module()), rows, seconds)

    @contextlib.contextmanager
    def less_memory(self, device: Device, case: Case, limit_rows: int) -> Iterator[None]:
        """See `Target`."""
        assert isinstance(device, SimulatedDevice)  # noqa: S101  # it is the one that was opened above
        before, device.limit_rows = device.limit_rows, limit_rows // 3
        try:
            yield
        finally:
            device.limit_rows = before

    def copies_weigh(self, case: Case) -> bool:
        """See `Target`."""
        return True
