"""What is found of GPUs, asked of a double of the driver's library; no test needs a GPU, nor minds one."""

from __future__ import annotations

import pytest

from jubako.runners.gpus import FoundGpus, discover_gpus, find_nvml
from jubako.runners.machine import discover_machine
from tests.harness.simulated_gpus.pynvml import DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND, Device, Nvml, simulated

FOUR = [Device("GPU-aa11"), Device("GPU-aa22"), Device("GPU-bb33"), Device("GPU-cc44")]


def uuids(found):
    return [gpu.uuid.removeprefix("GPU-") for gpu in found.visible]


def seen(named, devices=FOUR):
    found = discover_gpus(Nvml(devices), {} if named is None else {"CUDA_VISIBLE_DEVICES": named})
    assert [gpu.index for gpu in found.visible] == list(range(len(found.visible)))
    return found


@pytest.mark.parametrize("count", [1, 2, 4])
def test_every_gpu_is_seen_where_nothing_hides_any(count):
    nvml = simulated(count)
    found = discover_gpus(nvml, {})
    assert [(gpu.index, gpu.name, gpu.memory_bytes) for gpu in found.visible] == [
        (index, "Simulated H100", 80 << 30) for index in range(count)
    ]
    assert (found.driver, found.fault, found.hidden) == ("570.86.15", "", 0)
    assert not nvml.is_open


@pytest.mark.parametrize("fault", [LIBRARY_NOT_FOUND, DRIVER_NOT_LOADED])
def test_a_machine_without_a_driver_has_no_gpus_and_no_fault(fault):
    assert discover_gpus(Nvml(fault=fault), {}) == FoundGpus()


def test_a_driver_that_does_not_answer_is_a_fault():
    found = discover_gpus(Nvml(FOUR, fault=18), {})
    assert (found.visible, found.fault) == ((), "The NVIDIA driver does not answer: fault 18.")


def test_without_the_library_only_a_driver_is_a_fault(tmp_path):
    assert discover_gpus(None, {}, tmp_path / "nvidiactl") == FoundGpus()
    (tmp_path / "nvidiactl").touch()
    words = "There is an NVIDIA driver, but the package 'nvidia-ml-py' is not installed."
    assert discover_gpus(None, {}, tmp_path / "nvidiactl").fault == words


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (None, ["aa11", "aa22", "bb33", "cc44"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("2", ["bb33"]),
        ("3, 1", ["cc44", "aa22"]),
        ("1,-1,2", ["aa22"]),
        ("0,9,1", ["aa11"]),
        ("1,1", []),
        ("GPU-bb33", ["bb33"]),
        ("GPU-b", ["bb33"]),
        ("GPU-aa", []),
        ("GPU-zz", []),
        ("GPU-cc,0", ["cc44", "aa11"]),
        ("0,GPU-aa11", []),
    ],
)
def test_cuda_visible_devices_is_read_as_cuda_does(named, expected):
    found = seen(named)
    assert uuids(found) == expected
    assert found.hidden == 4 - len(expected)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (None, ["MIG-1", "MIG-2", "bb33"]),
        ("0", ["MIG-1", "MIG-2"]),
        ("MIG-2", ["MIG-2"]),
        ("MIG-2,MIG-1", ["MIG-2", "MIG-1"]),
        ("MIG-", []),
        ("GPU-aa,1", ["MIG-1", "MIG-2", "bb33"]),
    ],
)
def test_a_gpu_that_is_cut_counts_as_its_slices(named, expected):
    cut = Device("GPU-aa11", slices=[Device("MIG-1", total=10 << 30), None, Device("MIG-2", total=10 << 30)])
    found = seen(named, [cut, Device("GPU-bb33", slices=[])])
    assert uuids(found) == expected
    assert found.hidden == 3 - len(expected)


def test_old_releases_answer_in_bytes():
    found = discover_gpus(Nvml([Device("GPU-aa11")], is_old=True), {"CUDA_VISIBLE_DEVICES": "GPU-aa"})
    assert (found.visible[0].uuid, found.visible[0].name, found.driver) == ("GPU-aa11", "Simulated H100", "570.86.15")


def test_a_machine_has_what_was_found(tmp_path):
    machine = discover_machine(tmp_path, discover_gpus(simulated(2), {"CUDA_VISIBLE_DEVICES": "1"}))
    assert [gpu.uuid for gpu in machine.gpus] == ["GPU-00000001-1234"]
    assert (machine.gpu_driver, machine.gpu_fault, machine.hidden_gpus) == ("570.86.15", "", 1)


def test_the_library_is_imported_only_if_it_is_installed(site):
    code = "import sys; sys.modules['pynvml'] = None\nfrom jubako.runners.gpus import find_nvml\nprint(find_nvml())"
    assert site.run_python("-c", code).stdout == "None\n"
    nvml = find_nvml()
    assert nvml is None or hasattr(nvml, "nvmlInit")


def test_the_double_has_no_name_that_the_library_has_not():
    nvml = pytest.importorskip("pynvml")
    asked = [name for name in vars(Nvml) if name.lower().startswith("nvml")]
    assert len(asked) > 10
    assert [name for name in asked if not hasattr(nvml, name)] == []
    assert (nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED) == (12, 9)
    # Whatever this machine has, it is found out without an error, and the library is closed again.
    assert isinstance(discover_gpus(nvml), FoundGpus)
