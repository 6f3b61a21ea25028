"""Each replica sees its own GPU and no other, in real processes; the driver's library is a double on their path."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

import tests.harness
from jubako.serving.replica_process import has_open_gpu

DOUBLE = str(Path(tests.harness.__path__[0]) / "simulated_gpus")
SERVICE = """
import json, os, pathlib, uuid
import jubako
from jubako.io import JSON

HERE = pathlib.Path(__file__).parent
AT_IMPORT = os.environ.get("CUDA_VISIBLE_DEVICES")

class Witness(jubako.Runner):
    def _setup(self):
        seen = {
            "runner": self.name, "pid": os.getpid(), "device": self.placement.device, "index": self.placement.gpu_index,
            "share": self.placement.gpu_share, "at_import": AT_IMPORT,
            "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
        }
        path = HERE / "seen" / uuid.uuid4().hex
        path.write_text(json.dumps(seen))
        path.rename(path.with_suffix(".json"))

    def _run_batch(self, rows):
        return [self.placement.device] * len(rows)

quotas = json.loads((HERE / "quotas.json").read_text())
runners = [Witness(name, resource_quota={"gpus": gpus}) for name, gpus in quotas.items()]
svc = jubako.Service("witness", runners=runners)

@svc.api(input=JSON(), output=JSON())
async def ask(name):
    return await svc.runners[name].async_run(1)
"""
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


def uuid(index):
    return f"GPU-{index:08x}-1234"


class Seen:
    """What replicas wrote down when they were set up."""

    def __init__(self, folder):
        self.folder = folder / "seen"
        self.folder.mkdir()

    def all(self):
        return [json.loads(path.read_text()) for path in self.folder.glob("*.json")]

    def of(self, runner):
        found = [one for one in self.all() if one["runner"] == runner]
        return sorted(((one["index"], one["visible"]) for one in found), key=str)


@pytest.fixture
def start(tmp_path, serve, monkeypatch):
    """Return a function that serves runners of some quotas on a machine of some GPUs."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "service.py").write_text(SERVICE)

    def begin(quotas, gpus, *, backend="process", **environment):
        (tmp_path / "quotas.json").write_text(json.dumps(quotas))
        environment = {"PYTHONPATH": DOUBLE, "SIMULATED_GPUS": str(gpus), **environment}
        return serve(tmp_path, "service:svc", "--backend", backend, **environment), Seen(tmp_path)

    return begin


def test_each_replica_sees_its_own_gpu_and_its_replacement_the_same(start):
    quotas = {"every": "all", "two": 2, "half": 0.5, "listed": [0, 2], "text": "0", "zero": 0, "own": None}
    served, seen = start(quotas, 3)
    served.wait_until_ready()
    assert seen.of("every") == [(index, uuid(index)) for index in range(3)]
    assert seen.of("two") == [(0, uuid(0)), (1, uuid(1))]
    assert seen.of("half") == [(2, uuid(2))]
    assert seen.of("listed") == [(0, uuid(0)), (2, uuid(2))]
    assert seen.of("text") == [(0, uuid(0))]
    assert seen.of("zero") == [(None, "")]
    assert seen.of("own") == [(None, None)]
    for one in seen.all():
        assert one["at_import"] == one["visible"], "the service is imported when the environment is in force"
        assert one["device"] == ("cpu" if one["index"] is None else "cuda:0")
        assert one["share"] == (0.5 if one["runner"] == "half" else 1.0)

    before = {one["pid"] for one in seen.all()}
    killed = next(one for one in seen.all() if (one["runner"], one["index"]) == ("every", 1))
    os.kill(killed["pid"], signal.SIGKILL)
    served.wait_until(lambda: len(seen.all()) > len(before))
    (replacement,) = (one for one in seen.all() if one["pid"] not in before)
    assert {**replacement, "pid": 0} == {**killed, "pid": 0}
    assert served.post("/ask", '"every"', "application/json") == (200, b'"cuda:0"')
    assert served.stop() == 0


def test_what_the_user_hides_is_not_there_and_indices_count_what_is_left(start):
    visible = f"2,{uuid(0)[:12]}"
    served, seen = start({"every": "all", "listed": [1], "own": None}, 3, CUDA_VISIBLE_DEVICES=visible)
    served.wait_until_ready()
    assert seen.of("every") == [(0, uuid(2)), (1, uuid(0))]
    assert seen.of("listed") == [(1, uuid(0))]
    assert seen.of("own") == [(None, visible)]
    assert served.stop() == 0


def test_a_gpu_that_is_not_there_keeps_the_service_from_starting(start):
    served, seen = start({"vision": [0, 3]}, 2)
    assert served.ended() != 0
    assert "runner 'vision' asks for GPUs, and GPU 3 cannot be had." in served.text
    assert "There are 0 (Simulated H100), 1 (Simulated H100)." in served.text
    assert "set runners.resources.missing_gpu to cpu" in served.text
    assert seen.all() == []


@pytest.mark.parametrize("backend", ["process", "inline"])
def test_or_it_is_served_on_the_cpu_with_one_warning(start, backend):
    served, seen = start({"vision": "all"}, 0, backend=backend, JUBAKO_RUNNERS__RESOURCES__MISSING_GPU="cpu")
    served.wait_until_ready()
    assert served.post("/ask", '"vision"', "application/json") == (200, b'"cpu"')
    assert [one["visible"] for one in seen.all()] == ["" if backend == "process" else None]
    assert served.text.count("computes on the CPU, for all GPUs cannot be had. No NVIDIA driver was found.") == 1
    assert served.stop() == 0


def test_inline_the_device_has_its_own_index_and_the_environment_stays(start):
    served, seen = start({"first": "all", "second": "all", "last": [2]}, 3, backend="inline")
    served.wait_until_ready()
    assert {one["runner"]: (one["device"], one["visible"]) for one in seen.all()} == {
        "first": ("cuda:0", None),
        "second": ("cuda:1", None),
        "last": ("cuda:2", None),
    }
    assert served.stop() == 0


AFRESH = """
import os, socket
from jubako.serving.children import link_pair
from jubako.serving.replica_process import start_afresh
from jubako.serving.wire import Decoder

ours, theirs = link_pair()
listening = socket.socket(socket.AF_UNIX)
pid = os.fork()
if pid == 0:
    ours.close()
    start_afresh(theirs, listening)
theirs.close()
ours.setblocking(True)
(began,) = Decoder().feed(ours.recv(65536))
print(type(began).__name__, began.pid == pid)
ours.close()
os.waitpid(pid, 0)
"""


def test_a_forked_replica_that_inherits_an_open_gpu_begins_again_as_itself(site):
    done = site.run_python("-c", AFRESH)
    assert done.stdout == "Began True\n", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are listed by Linux")
def test_a_process_knows_whether_it_has_a_gpu_open(tmp_path):
    (tmp_path / "3").symlink_to("/dev/null")
    assert not has_open_gpu(tmp_path)
    (tmp_path / "4").symlink_to("/dev/nvidia0")
    assert has_open_gpu(tmp_path)
    assert not has_open_gpu(tmp_path / "absent")
