"""What `jubako doctor`, `jubako env` and `jubako plugins` say of GPUs; the driver's library is a double."""

from __future__ import annotations

import json
import sys

import pytest

from tests.harness.simulated_gpus.pynvml import simulated


@pytest.fixture
def gpus(monkeypatch):
    """Return a function that puts a double of the driver's library in the place of what is installed."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("JUBAKO_PLUGINS", "")

    def put(count, fault=0):
        nvml = simulated(count)
        nvml.fault = nvml.fault or fault
        monkeypatch.setitem(sys.modules, "pynvml", nvml)

    return put


def findings(jubako, **environment):
    done = jubako("doctor", "machine", "--json", **environment)
    return [(each["status"], each["found"], each["do"]) for each in json.loads(done.stdout)["findings"]]


def test_the_doctor_shows_each_gpu(jubako, gpus):
    gpus(2)
    found = findings(jubako)
    for index in range(2):
        assert ("ok", f"GPU {index} is Simulated H100, 85.9 GB, driver 570.86.15.", None) in found


def test_the_doctor_says_what_is_hidden(jubako, gpus):
    gpus(4)
    found = findings(jubako, CUDA_VISIBLE_DEVICES="3")
    assert ("ok", "GPU 0 is Simulated H100, 85.9 GB, driver 570.86.15.", None) in found
    assert ("ok", "3 of the driver's GPUs cannot be seen: CUDA_VISIBLE_DEVICES leaves them out.", None) in found


def test_the_doctor_says_nothing_of_gpus_where_there_is_no_driver(jubako, gpus):
    gpus(0)
    assert not [words for _, words, _ in findings(jubako) if "GPU" in words or "driver" in words]


def test_a_driver_that_does_not_answer_is_a_warning(jubako, gpus):
    gpus(1, fault=18)
    (warning,) = (each for each in findings(jubako) if "GPU" in each[1])
    assert warning == (
        "warn",
        "GPUs cannot be found. The NVIDIA driver does not answer: fault 18.",
        "see whether nvidia-smi works",
    )


def test_env_tells_index_name_memory_driver_and_uuid(jubako, gpus):
    gpus(2)
    data = json.loads(jubako("env", "--json", CUDA_VISIBLE_DEVICES="1").stdout)
    device = {"index": 0, "uuid": "GPU-00000001-1234", "name": "Simulated H100", "memory_bytes": 80 << 30}
    assert data["gpus"] == {"driver": "570.86.15", "fault": None, "hidden": 1, "devices": [device]}
    table = jubako("env", CUDA_VISIBLE_DEVICES="1").stdout
    assert "Simulated H100, 85.9 GB, driver 570.86.15, GPU-00000001-1234" in table
    assert "hidden GPUs" in table


def test_env_of_a_machine_without_gpus_has_no_rows_for_them(jubako, gpus):
    gpus(0)
    assert json.loads(jubako("env", "--json").stdout)["gpus"]["devices"] == []
    assert "GPU" not in jubako("env").stdout


def test_plugins_that_place_runners_say_so(jubako, gpus):
    gpus(0)
    assert "places runners" in jubako("plugins").stdout
    assert "is asked where runners compute" in jubako("plugins", "builtin").stdout
    (builtin,) = (one for one in json.loads(jubako("plugins", "--json").stdout)["plugins"] if one["name"] == "builtin")
    assert builtin["places_runners"] is True
