"""What of a CUDA device can be told without one."""

from __future__ import annotations

import pytest

from jubako.values.placement import Placement
from jubako_torch_runner.devices.cuda import EXIT_CODE, EndOfReplica

ERROR = RuntimeError("CUDA error: device-side assert triggered")


def test_a_replica_whose_device_is_lost_ends_to_be_replaced(caplog):
    ended = []
    placement = Placement(device="cuda:0", environment={"CUDA_VISIBLE_DEVICES": "GPU-1"}, gpu_index=1)
    EndOfReplica("cuda:0", placement, ended.append)(ERROR)
    assert ended == [EXIT_CODE]
    assert "cuda:0 takes no work any more; this replica ends and is replaced" in caplog.text
    assert "device-side assert" in caplog.text


def test_a_process_that_is_not_the_models_own_goes_on(caplog):
    placement = Placement(device="cuda:0", environment={"CUDA_VISIBLE_DEVICES": "GPU-1"}, gpu_index=1)
    EndOfReplica("cuda:1", placement.in_this_process(), pytest.fail)(ERROR)
    assert "cuda:1 takes no work any more until this process is started again" in caplog.text
