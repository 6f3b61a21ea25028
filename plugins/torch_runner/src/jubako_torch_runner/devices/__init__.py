"""Devices, one module a kind: the CPU, a CUDA device, and a simulated one."""

from __future__ import annotations

from jubako.errors import InvalidArgument
from jubako.values.placement import Placement
from jubako_torch_runner.device import Device
from jubako_torch_runner.devices.cpu import CpuDevice
from jubako_torch_runner.devices.cuda import open_cuda


def open_device(placement: Placement) -> Device:
    """Open the device of a replica, in the thread that will compute.

    Raises:
        InvalidArgument: a kind of device that is not known here.
        DeviceUnusable: torch was built without the device's kind, or the driver refuses it.
    """
    kind = placement.device.partition(":")[0]
    if kind == "cpu":
        return CpuDevice(placement)
    if kind == "cuda":
        return open_cuda(placement)
    raise InvalidArgument(
        f"a torch runner cannot be placed on {placement.device!r}.",
        why="It computes on the CPU or on a CUDA device.",
        do="set resources.gpus of the runner, or use a plugin that places runners on what it knows",
    )
