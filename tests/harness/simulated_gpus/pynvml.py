"""A double of NVIDIA's management library: what `pynvml` answers where there are GPUs, and where there are none.

In this process: `Nvml([Device("GPU-aa")])`. For other processes: this folder on PYTHONPATH, and the number of GPUs in
SIMULATED_GPUS. Nothing else of the library is there, so that code which asks for more is found out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import attrs

# Of nvml.h.
LIBRARY_NOT_FOUND = 12
DRIVER_NOT_LOADED = 9
_NOT_FOUND = 6
_NOT_SUPPORTED = 3


class NvmlError(Exception):
    """As the library raises it."""

    def __init__(self, value: int) -> None:
        self.value = value
        super().__init__({LIBRARY_NOT_FOUND: "NVML Shared Library Not Found"}.get(value, f"fault {value}"))


@attrs.frozen(eq=False)
class Device:
    """One GPU, or one slice of it.

    Args:
        uuid: its name.
        name: for people.
        total: its memory, in bytes.
        slices: what it is cut into; None if it cannot be cut.
    """

    uuid: str
    name: str = "Simulated H100"
    total: int = 80 << 30
    slices: Sequence[Device | None] | None = None


class Nvml:
    """The library, on a machine with these GPUs.

    Args:
        devices: in the order of the driver.
        fault: the number of the error that starting ends with; 0 if it does not.
        is_old: True to answer with bytes, as old releases do.

    Attributes:
        is_open: whether it was started and not ended.
    """

    NVMLError = NvmlError
    NVML_ERROR_LIBRARY_NOT_FOUND = LIBRARY_NOT_FOUND
    NVML_ERROR_DRIVER_NOT_LOADED = DRIVER_NOT_LOADED

    def __init__(self, devices: Sequence[Device] = (), fault: int = 0, is_old: bool = False) -> None:
        self.devices = devices
        self.fault = fault
        self.is_old = is_old
        self.is_open = False

    def nvmlInit(self) -> None:
        if self.fault:
            raise NvmlError(self.fault)
        self.is_open = True

    def nvmlShutdown(self) -> None:
        assert self.is_open
        self.is_open = False

    def nvmlSystemGetDriverVersion(self) -> str | bytes:
        return self._text("570.86.15")

    def nvmlDeviceGetCount(self) -> int:
        assert self.is_open
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Device:
        return self.devices[index]

    def nvmlDeviceGetUUID(self, device: Device) -> str | bytes:
        return self._text(device.uuid)

    def nvmlDeviceGetName(self, device: Device) -> str | bytes:
        return self._text(device.name)

    def nvmlDeviceGetMemoryInfo(self, device: Device) -> Any:
        return device

    def nvmlDeviceGetMigMode(self, device: Device) -> tuple[int, int]:
        if device.slices is None:
            raise NvmlError(_NOT_SUPPORTED)
        return (1, 1) if device.slices else (0, 0)

    def nvmlDeviceGetMaxMigDeviceCount(self, device: Device) -> int:
        return len(device.slices or ())

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: Device, index: int) -> Device:
        found = (device.slices or ())[index]
        if found is None:
            raise NvmlError(_NOT_FOUND)
        return found

    def _text(self, text: str) -> str | bytes:
        return text.encode() if self.is_old else text


def simulated(gpus: int) -> Nvml:
    """A machine with so many GPUs; without a driver if there are none."""
    return Nvml([Device(f"GPU-{index:08x}-1234") for index in range(gpus)], 0 if gpus else LIBRARY_NOT_FOUND)


_here = simulated(int(os.environ.get("SIMULATED_GPUS", "0")))


def __getattr__(name: str) -> Any:
    return getattr(_here, name)
