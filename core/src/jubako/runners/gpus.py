"""Which GPUs this process may use: asked of the driver's management library (NVML), which starts nothing on a device.

CUDA is never initialised here: a process that has done so cannot be forked, and has chosen its devices for good.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from jubako.values.machine import Gpu
from jubako.values.placement import VISIBLE_DEVICES

_logger = logging.getLogger(__name__)

# Made when the driver's kernel module is loaded, also in a container that is given GPUs.
_DRIVER_FILE = Path("/dev/nvidiactl")
_INDEX = re.compile(r"\s*([+-]?\d+)")
_UUID_PREFIXES = ("GPU-", "MIG-")


@attrs.frozen
class FoundGpus:
    """What the driver says of the GPUs.

    Args:
        visible: those that this process may use, as CUDA counts them.
        driver: the driver's version; empty if there is none.
        fault: why the driver could not be asked although it seems to be there; empty if nothing is wrong.
        hidden: how many more the driver has.
    """

    visible: tuple[Gpu, ...] = ()
    driver: str = ""
    fault: str = ""
    hidden: int = 0


def find_nvml() -> Any | None:
    """The module `pynvml`, or None if it is not installed; importing it takes some 20 ms and opens nothing."""
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        return None


def discover_gpus(
    nvml: Any | None = None,
    environment: Mapping[str, str] | None = None,
    driver_file: Path = _DRIVER_FILE,
) -> FoundGpus:
    """Ask the driver; quiet and quick where there is none.

    `CUDA_VISIBLE_DEVICES` is read as CUDA does: indices, UUIDs or their beginnings, separated by commas; whatever
    stands after the first that there is not is not seen, and a device that is named twice hides all. A GPU that is cut
    into slices (MIG) counts as its slices. Indices are those of `nvidia-smi`, which CUDA's are where all GPUs are
    alike, or `CUDA_DEVICE_ORDER` is `PCI_BUS_ID`.

    Args:
        nvml: the module `pynvml`, or one that answers as it does; None if it is not installed.
        environment: of the process; its own if None.
        driver_file: is there if a driver is.
    """
    if nvml is None:
        if not driver_file.exists():
            return FoundGpus()
        return FoundGpus(fault="There is an NVIDIA driver, but the package 'nvidia-ml-py' is not installed.")
    environment = os.environ if environment is None else environment
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return FoundGpus(fault="" if _is_absent(nvml, error) else _words(error))
    try:
        handles = [handle for whole in _all_handles(nvml) for handle in _slices_of(nvml, whole) or [whole]]
        visible = _visible_handles(nvml, environment.get(VISIBLE_DEVICES))
        gpus = tuple(_describe(nvml, index, handle) for index, handle in enumerate(visible))
        driver = _text(nvml.nvmlSystemGetDriverVersion())
        return FoundGpus(gpus, driver, hidden=max(0, len(handles) - len(gpus)))
    except nvml.NVMLError as error:
        return FoundGpus(fault=_words(error))
    finally:
        with contextlib.suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _is_absent(nvml: Any, error: Any) -> bool:
    return error.value in (nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED)


def _words(error: Exception) -> str:
    return f"The NVIDIA driver does not answer: {str(error).removesuffix('.')}."


def _all_handles(nvml: Any) -> list[Any]:
    return [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]


def _slices_of(nvml: Any, handle: Any) -> list[Any]:
    """The slices of a GPU; empty if it is not cut."""
    try:
        current, _pending = nvml.nvmlDeviceGetMigMode(handle)
        if not current:
            return []
        count = nvml.nvmlDeviceGetMaxMigDeviceCount(handle)
    except nvml.NVMLError:
        # Most GPUs cannot be cut, and say so with an error.
        return []
    slices = []
    for index in range(count):
        with contextlib.suppress(nvml.NVMLError):  # a place that holds no slice
            slices.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index))
    return slices


def _visible_handles(nvml: Any, named: str | None) -> list[Any]:
    whole = _all_handles(nvml)
    if named is None:
        return [handle for each in whole for handle in _slices_of(nvml, each) or [each]]
    chosen: list[Any] = []
    seen: set[str] = set()
    for part in named.split(","):
        found = _find(nvml, part, whole)
        if found is None:
            break
        for handle in found:
            uuid = _text(nvml.nvmlDeviceGetUUID(handle))
            if uuid in seen:
                _logger.warning("%s names a device twice, so CUDA sees none: %s", VISIBLE_DEVICES, named)
                return []
            seen.add(uuid)
            chosen.append(handle)
    return chosen


def _find(nvml: Any, part: str, whole: list[Any]) -> list[Any] | None:
    """The devices that one part of the variable names; None if there is no such device."""
    part = part.strip()
    if part.startswith(_UUID_PREFIXES):
        # A slice may be named alone; its GPU stands for all of its slices.
        candidates = whole if part.startswith("GPU-") else [piece for each in whole for piece in _slices_of(nvml, each)]
        matching = [handle for handle in candidates if _text(nvml.nvmlDeviceGetUUID(handle)).startswith(part)]
        if len(matching) != 1:
            return None
        return _slices_of(nvml, matching[0]) or matching
    number = _INDEX.match(part)
    if number is None or not 0 <= int(number[1]) < len(whole):
        return None
    handle = whole[int(number[1])]
    return _slices_of(nvml, handle) or [handle]


def _describe(nvml: Any, index: int, handle: Any) -> Gpu:
    return Gpu(
        index=index,
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
    )


def _text(answer: str | bytes) -> str:
    # Before release 11.5 of nvidia-ml-py texts were bytes.
    return answer.decode() if isinstance(answer, bytes) else answer
