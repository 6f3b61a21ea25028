"""The CPU as a device, with real torch."""

from __future__ import annotations

import threading

import pytest
import torch

from jubako.errors import InvalidArgument
from jubako.values.machine import Machine
from jubako.values.placement import Placement
from jubako_torch_runner.device import DeviceUnusable, HostBatch, Numerics, OutOfDeviceMemory
from jubako_torch_runner.devices import open_device
from jubako_torch_runner.devices.cpu import CpuDevice
from jubako_torch_runner.devices.process_memory import ProcessMemory

_MIB = 1 << 20


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _device(**options) -> CpuDevice:
    return CpuDevice(Placement(), **options)


def test_it_gives_what_the_module_gives_to_the_last_bit():
    module = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Dropout(), torch.nn.Linear(16, 3))
    inputs = torch.randn(5, 8)
    device = _device()
    placed = device.place(module)
    answer = device.begin(placed, HostBatch((inputs,), {})).wait()
    module.eval()
    assert torch.equal(answer, module(inputs))
    assert not answer.requires_grad
    assert not answer.is_inference(), "it can be changed in place"


def test_inference_mode_holds_in_whichever_thread_computes():
    device = _device()
    modes = []
    batch = HostBatch((), {})
    thread = threading.Thread(
        target=device.begin, args=(lambda: modes.append(torch.is_inference_mode_enabled()), batch)
    )
    thread.start()
    thread.join()
    assert modes == [True]


def test_inputs_are_not_copied():
    device = _device()
    inputs = device.staging((4, 2), torch.float32).zero_()
    device.begin(lambda x: x.add_(1), HostBatch((inputs,), {}))
    assert inputs.tolist() == [[1, 1]] * 4


def test_results_share_no_memory_with_the_model_with_each_other_or_with_later_batches():
    device, weights, used_again = _device(), torch.zeros(1, 2), torch.zeros(3, 2)

    def compute(rows):
        return weights.expand(3, 2), used_again.copy_(rows), used_again

    first, second = (device.begin(compute, HostBatch((torch.full((3, 2), n),), {})).wait() for n in (1.0, 2.0))
    first[0][0] += 5
    assert first[0].tolist() == [[5, 5], [0, 0], [0, 0]]
    first[1].zero_()
    assert first[2].tolist() == [[1, 1]] * 3
    assert second[1].tolist() == [[2, 2]] * 3
    assert weights.tolist() == [[0, 0]]


def test_torch_gets_the_placements_threads():
    CpuDevice(Placement(threads=2))
    assert torch.get_num_threads() == 2
    CpuDevice(Placement(threads=1))
    assert torch.get_num_threads() == 1


def test_modules_are_cast_to_the_type_that_was_asked_for():
    device = _device()
    module = device.place(torch.nn.Linear(4, 2), Numerics(dtype=torch.bfloat16))
    answer = device.begin(module, HostBatch((torch.ones(3, 4, dtype=torch.bfloat16),), {})).wait()
    assert answer.dtype == torch.bfloat16


def test_autocast_computes_in_its_type_with_inputs_and_weights_as_they_are():
    device = _device()
    module = device.place(torch.nn.Linear(4, 2), Numerics(autocast=torch.bfloat16))
    inputs = torch.randn(3, 4)
    answer = device.begin(module, HostBatch((inputs,), {})).wait()
    assert (answer.dtype, module.weight.dtype) == (torch.bfloat16, torch.float32)
    assert torch.allclose(answer.float(), module(inputs), atol=2e-2)


def test_the_graph_of_an_exported_module_is_placed_too():
    module = torch.nn.Linear(4, 2).eval()
    graph = torch.export.export(module, (torch.ones(2, 4),)).module()
    device = _device()
    inputs = torch.ones(2, 4)
    assert torch.equal(device.begin(device.place(graph), HostBatch((inputs,), {})).wait(), module(inputs))


@pytest.mark.parametrize(
    "compute",
    [lambda: torch.empty(1 << 50, dtype=torch.uint8), lambda: bytearray(1 << 60)],
    ids=["torch", "python"],
)
def test_full_memory_is_told_as_such_without_the_frames_that_hold_the_batch(compute):
    device = _device()
    with pytest.raises(OutOfDeviceMemory) as raised:
        device.begin(compute, HostBatch((), {}))
    assert raised.value.__context__ is None
    assert device.begin(lambda: 1, HostBatch((), {})).wait() == 1


def test_other_errors_come_out_as_they_are():
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        _device().begin(torch.nn.Linear(4, 2), HostBatch((torch.ones(2, 5),), {}))


def test_the_time_of_computing_is_told_by_the_clock():
    moments = iter([1.0, 3.5])
    times = _device(clock=lambda: next(moments)).begin(lambda: None, HostBatch((), {})).times
    assert (times.compute_s, times.copy_s) == (2.5, 0.0)


def test_the_memory_limit_is_the_share_of_the_processors():
    machine = Machine(cpus=4, memory_bytes=1000 * _MIB)
    assert CpuDevice(Placement(threads=1), machine=machine).memory().limit_bytes == 250 * _MIB
    assert CpuDevice(Placement(threads=8), machine=machine).memory().limit_bytes == 1000 * _MIB


def test_the_peak_of_some_work_is_read_from_the_system(tmp_path):
    (tmp_path / "status").write_text("VmHWM:\t  2048 kB\nVmRSS:\t  2048 kB\n")
    memory = ProcessMemory(tmp_path)

    def work():
        (tmp_path / "status").write_text("VmHWM:\t  5120 kB\nVmRSS:\t  3072 kB\n")

    device = _device(process_memory=memory)
    assert device.measure_peak_bytes(work) == 3 * _MIB
    assert device.memory().used_bytes == 3 * _MIB
    assert (tmp_path / "clear_refs").read_text() == "5"


def test_where_the_system_does_not_say_the_peak_is_unknown(tmp_path):
    done = []
    assert ProcessMemory(tmp_path / "none").measure_peak_bytes(lambda: done.append(1)) == 0
    assert done == [1]
    assert ProcessMemory(tmp_path / "none").used_bytes() == 0


def test_a_placement_of_another_kind_is_refused():
    with pytest.raises(InvalidArgument) as raised:
        open_device(Placement(device="tpu:0"))
    assert str(raised.value) == (
        "a torch runner cannot be placed on 'tpu:0'.\n"
        "It computes on the CPU or on a CUDA device.\n"
        "Do: set resources.gpus of the runner, or use a plugin that places runners on what it knows"
    )


@pytest.mark.skipif(torch.version.cuda is not None, reason="this torch has CUDA")
def test_a_torch_without_cuda_says_so():
    with pytest.raises(DeviceUnusable) as raised:
        open_device(Placement(device="cuda:0", gpu_index=0))
    assert str(raised.value) == (
        "cuda:0 cannot be used.\n"
        f"The installed torch {torch.__version__} was built without CUDA.\n"
        "Do: install a build of torch for CUDA (https://pytorch.org/get-started), or set gpus of the runner to 0"
    )
