"""The processes of `jubako serve`: who replaces what, what a Plan holds still, and what is left in the end."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals and orphans are Linux's")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")

# The runner says which process answers, and which version of the model it has.
SERVICE = """
import asyncio, os, pathlib, time, uuid
import numpy as np
import jubako
from jubako.io import JSON, Text

HERE = pathlib.Path(__file__).parent

class Versioned(jubako.Runner):
    num_replica = 2

    def __init__(self, offsets, change):
        super().__init__("versioned")
        self.model = jubako.models.get("weights")
        self.offsets, self.change = offsets, change

    @property
    def required_models(self):
        return (self.model.tag,)

    def _setup(self):
        if (HERE / "broken").exists():
            raise OSError("the weights are gone")
        self.weights = int(self.model.path_of("weights.txt").read_text())

    def _run_batch(self, seconds):
        if max(seconds) > 0:
            time.sleep(float(max(seconds)))
        return np.stack([self.change(self.offsets + self.weights)] * len(seconds))

runner = Versioned(np.array([0, 10]), lambda values: values * 2)
svc = jubako.Service("versioned", runners=[runner])

@svc.api(input=JSON(), output=JSON())
async def ask(seconds):
    if seconds:
        (HERE / f"begun-{uuid.uuid4()}").touch()
    return (await runner.async_run(float(seconds))).tolist()

@svc.api(input=Text(), output=Text())
async def who(_):
    return str(os.getpid())

@svc.api(input=Text(), output=Text())
async def wait(seconds):
    (HERE / f"begun-{uuid.uuid4()}").touch()
    (HERE / "begun").touch()
    await asyncio.sleep(float(seconds))
    return "waited"
"""

SAVE = """
import sys, jubako
with jubako.models.create(sys.argv[2]) as draft:
    draft.path_of("weights.txt").write_text(sys.argv[1])
"""

JSON_TYPE = "application/json"
PATIENCE_S = 60


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "service.py").write_text(SERVICE)
    return tmp_path


@pytest.fixture
def save(folder, site_class):
    """Return a function that stores the next version of the model, from another process."""

    def write(weights, name="weights"):
        done = site_class(folder).run_python(
            "-c", SAVE, str(weights), name, JUBAKO_HOME=str(folder / "home"), **without_own_path(folder)
        )
        assert done.returncode == 0, done.stderr

    return write


def without_own_path(folder):
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture(params=["inline", "process"])
def start(request, folder, save, serve):
    """Serve the model of weight 1, with each backend in turn."""
    save(1)
    return lambda *arguments, **environment: serve(
        folder, "service:svc", "--backend", request.param, *arguments, **environment
    )


@pytest.fixture
def start_processes(folder, save, serve):
    """Serve the model of weight 1 with the process backend."""
    save(1)
    return lambda *arguments, **environment: serve(
        folder, "service:svc", "--backend", "process", *arguments, **environment
    )


def kill(*pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def replaced(served, name, gone):
    """Wait until as many processes of a name are there as were killed, all of them others."""
    served.wait_until(lambda: len(set(served.processes(name)) - set(gone)) >= len(gone))


def ask(served, seconds="0"):
    """Ask until a connection is taken and answered: what was killed may have taken it."""
    while True:
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            status, body = served.post("/ask", seconds, JSON_TYPE)
            return status, json.loads(body)


def exits(served, role, cause):
    """How many processes of a role have ended for a cause, by the metrics."""
    pattern = rf'^jubako_process_exits_total{{cause="{cause}",role="{role}"}} (.*)$'
    found = re.search(pattern, served.get("/metrics")[1].decode(), re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def wait_until_in_flight(served, count):
    """Wait until so many requests that take their time have reached their functions."""
    served.wait_until(lambda: len(list(served.folder.glob("begun-*"))) >= count)


def goes_over(served, answer):
    """Wait until the new generation answers; for a moment both do."""
    served.wait_for_line(r"generation \d serves")
    served.wait_until(lambda: ask(served) == (200, answer))


@linux
def test_what_is_killed_is_replaced_and_serves_the_version_of_the_start_until_sighup(start_processes, save, folder):
    served = start_processes("--workers", "2")
    served.wait_until_ready()
    assert ask(served) == (200, [2, 22])
    save(5)
    for name in ("jubako-replica", "jubako-zygote", "jubako-replica", "jubako-api"):
        gone = served.processes(name)
        kill(*gone)
        replaced(served, name, gone)
        assert ask(served) == (200, [2, 22])
    served.process.send_signal(signal.SIGHUP)
    goes_over(served, [10, 30])
    assert served.stop() == 0


@linux
def test_a_tag_first_named_in_a_set_up_means_one_version_in_all_processes_until_sighup(start, save, folder):
    (folder / "service.py").write_text(
        SERVICE.replace(
            'self.model = jubako.models.get("weights")', 'self.model = jubako.models.get("unrelated")'
        ).replace(
            "self.weights = int(self.model",
            "time.sleep(0.2)\n        self.weights = int(jubako.models.get('weights:latest')",
        )
    )
    save(0, name="unrelated")
    served = start("--workers", "2")
    # Saved while some set up: whichever version is found first, it is the one for all.
    save(5)
    served.wait_until_ready()
    (first,) = {ask(served)[1][0] for _ in range(12)}
    save(7)
    for name in ("jubako-replica", "jubako-api", "jubako-replica"):
        gone = served.processes(name)
        kill(*gone)
        replaced(served, name, gone)
        assert {ask(served)[1][0] for _ in range(12)} == {first}
    served.process.send_signal(signal.SIGHUP)
    goes_over(served, [14, 34])
    assert served.stop() == 0


@linux
def test_a_killed_replica_loses_no_call(start_processes):
    served = start_processes()
    served.wait_until_ready()
    asking = [served.ask("/ask", "1", JSON_TYPE) for _ in range(8)]
    wait_until_in_flight(served, 8)
    time.sleep(0.3)  # the calls are computed now, and for a while more
    kill(served.processes("jubako-replica")[0])
    assert [each.answered() for each in asking] == [(200, b"[2,22]")] * 8
    assert served.stop() == 0


def test_sighup_takes_the_new_version_without_refusing_a_request(start, save):
    served = start()
    served.wait_until_ready()
    save(5)
    answers = []
    ended = threading.Event()

    def ask_on():
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE_S)
        while not ended.is_set():
            try:
                # It opens another connection only if it was told that this one is closed.
                connection.request("POST", "/ask", "0", {"content-type": JSON_TYPE})
                response = connection.getresponse()
                answers.append((response.status, response.read()))
            except (OSError, http.client.HTTPException) as error:
                answers.append(error)
        connection.close()

    asking = [threading.Thread(target=ask_on) for _ in range(4)]
    for each in asking:
        each.start()
    waiting = served.ask("/wait", "2")
    served.wait_until_begun()
    served.process.send_signal(signal.SIGHUP)
    served.wait_for_line("generation 2 serves")
    assert waiting.answered() == (200, b"waited")
    served.wait_until(lambda: (200, b"[10,30]") in answers)
    ended.set()
    for each in asking:
        each.join()
    assert set(answers) == {(200, b"[2,22]"), (200, b"[10,30]")}
    assert served.stop() == 0


def test_a_broken_new_generation_leaves_the_old_one_and_says_why(start, folder):
    served = start()
    served.wait_until_ready()
    (folder / "service.py").write_text(SERVICE + "\nraise RuntimeError('a slip of the pen')\n")
    served.process.send_signal(signal.SIGHUP)
    line = served.wait_for_line("the new generation did not start, and the old one goes on").string
    assert "a slip of the pen" in line
    assert ask(served) == (200, [2, 22])
    (folder / "service.py").write_text(SERVICE.replace("values * 2", "values * 3"))
    served.process.send_signal(signal.SIGHUP)
    goes_over(served, [3, 33])
    assert served.stop() == 0


def test_a_changed_source_starts_a_new_generation(start, folder):
    pytest.importorskip("watchfiles")
    served = start("--reload", "--reload-delay", "0.1")
    served.wait_until_ready()
    (folder / "notes.txt").write_text("no source")
    (folder / "service.py").write_text(SERVICE.replace("values * 2", "values * 3"))
    goes_over(served, [3, 33])
    assert served.stop() == 0


@linux
@pytest.mark.parametrize("to_group", [False, True])
def test_a_stop_answers_everything_in_flight_and_leaves_nothing(start, to_group):
    before = set(Path("/dev/shm").iterdir())
    served = start("--workers", "2")
    served.wait_until_ready()
    asking = [served.ask("/ask", "3", JSON_TYPE) for _ in range(4)]
    waiting = [served.ask("/wait", "3") for _ in range(4)]
    wait_until_in_flight(served, 8)
    time.sleep(0.3)  # the calls reach the replicas, most times
    if to_group:
        os.killpg(served.process.pid, signal.SIGINT)
    else:
        served.process.send_signal(signal.SIGTERM)
    assert [each.answered() for each in asking] == [(200, b"[2,22]")] * 4
    assert [each.answered() for each in waiting] == [(200, b"waited")] * 4
    assert served.ended() == 0
    assert served.processes() == []
    assert list(served.temporary.iterdir()) == []
    assert set(Path("/dev/shm").iterdir()) <= before
    assert "Traceback" not in served.text


@linux
def test_nothing_outlives_a_killed_supervisor(start):
    served = start("--workers", "2")
    port = served.wait_until_ready()
    asking = served.ask("/ask", "3600", JSON_TYPE)
    wait_until_in_flight(served, 1)
    time.sleep(0.2)  # the call reaches the replica, most times
    served.process.kill()
    served.process.wait()
    served.wait_until(lambda: served.survivors() == [])
    assert isinstance(asking.answered(), Exception)
    socket.create_server(("127.0.0.1", port)).close()


@linux
def test_a_folder_that_a_killed_supervisor_left_is_removed_by_the_next(start_processes):
    served = start_processes()
    served.wait_until_ready()
    served.process.kill()
    served.process.wait()
    (left,) = served.temporary.iterdir()
    following = start_processes()
    following.wait_until_ready()
    assert not left.exists()
    assert following.stop() == 0
    assert list(following.temporary.iterdir()) == []


@linux
def test_a_replica_that_fails_again_and_again_is_503_until_it_starts_again(start_processes, folder):
    served = start_processes(
        JUBAKO_RUNNERS__RESTART_FIRST_S="0.01",
        JUBAKO_RUNNERS__RESTART_LONGEST_S="1",
        JUBAKO_RUNNERS__RESTART_ATTEMPTS="2",
    )
    served.wait_until_ready()
    (folder / "broken").touch()
    kill(*served.processes("jubako-replica"))
    served.wait_until(lambda: served.get("/readyz")[0] == 503)
    status, body = served.post("/ask", "0", JSON_TYPE)
    assert (status, json.loads(body)["type"]) == (503, "urn:jubako:problem:service-unavailable")
    assert "the weights are gone" in served.text
    (folder / "broken").unlink()
    served.wait_until(lambda: served.get("/readyz")[0] == 200)
    assert ask(served) == (200, [2, 22])
    assert served.stop() == 0


@linux
def test_an_api_worker_is_replaced_while_one_of_two_replicas_cannot_be(start_processes, folder):
    # The second try is the last one in a row; then all wait for the longest time, killed API workers too.
    served = start_processes(JUBAKO_RUNNERS__RESTART_ATTEMPTS="1", JUBAKO_RUNNERS__RESTART_LONGEST_S="3")
    served.wait_until_ready()
    (folder / "broken").touch()
    kill(served.processes("jubako-replica")[0])
    served.wait_for_line(r"It is started again in 3 s")
    gone = served.processes("jubako-api-0")
    kill(*gone)
    replaced(served, "jubako-api-0", gone)
    assert ask(served) == (200, [2, 22])
    assert served.stop() == 0


@linux
def test_an_api_worker_that_is_replaced_while_no_replica_can_be_answers_503_until_one_can(start_processes, folder):
    served = start_processes(
        JUBAKO_RUNNERS__RESTART_FIRST_S="0.01",
        JUBAKO_RUNNERS__RESTART_LONGEST_S="1",
        JUBAKO_RUNNERS__RESTART_ATTEMPTS="2",
    )
    served.wait_until_ready()
    (folder / "broken").touch()
    kill(*served.processes("jubako-replica"))
    served.wait_until(lambda: served.get("/readyz")[0] == 503)
    gone = served.processes("jubako-api-0")
    kill(*gone)
    replaced(served, "jubako-api-0", gone)
    served.wait_until(lambda: served.get("/livez")[0] == 200)
    assert served.get("/readyz")[0] == 503
    status, body = served.post("/ask", "0", JSON_TYPE)
    assert (status, json.loads(body)["type"]) == (503, "urn:jubako:problem:service-unavailable")
    (folder / "broken").unlink()
    served.wait_until(lambda: served.get("/readyz")[0] == 200)
    assert ask(served) == (200, [2, 22])
    assert served.stop() == 0


def test_a_process_that_does_not_become_ready_in_time_ends_the_start(start, folder):
    (folder / "service.py").write_text(
        SERVICE.replace("self.weights = int", "time.sleep(3600)\n        self.weights = int")
    )
    served = start(JUBAKO_RUNNERS__START_TIMEOUT_S="2")
    assert served.ended() == 1
    assert "was not ready within 2 s." in served.text
    assert "Do: raise runners.start_timeout_s" in served.text
    assert "Traceback" not in served.text
    assert served.processes() == []


@linux
def test_a_replica_that_hangs_when_it_is_replaced_is_killed_and_tried_again(start_processes, folder):
    (folder / "service.py").write_text(
        SERVICE.replace(
            "self.weights = int",
            'while (HERE / "hang").exists():\n            time.sleep(0.05)\n        self.weights = int',
        )
    )
    # More than twice what a whole start takes here and now, so that only what hangs takes longer.
    began_s = time.monotonic()
    first = start_processes()
    first.wait_until_ready()
    limit_s = 5 + round(2 * (time.monotonic() - began_s))
    assert first.stop() == 0
    served = start_processes(JUBAKO_RUNNERS__START_TIMEOUT_S=str(limit_s), JUBAKO_RUNNERS__RESTART_LONGEST_S="0.5")
    served.wait_until_ready()
    (folder / "hang").touch()
    kill(served.processes("jubako-replica")[0])
    served.wait_for_line(rf"was not ready within {limit_s} s\. It is started again", within_s=60 + limit_s)
    (folder / "hang").unlink()
    served.wait_until(lambda: len(served.processes("jubako-replica")) == 2)
    served.wait_until(lambda: exits(served, "replica versioned", "start_timeout") >= 1)
    assert exits(served, "replica versioned", "oom_suspect") == 1
    assert served.stop() == 0


@linux
def test_sighup_stays_ignored_if_it_was_when_the_server_was_started(start):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        served = start()
        served.wait_until_ready()
    finally:
        signal.signal(signal.SIGHUP, before)
    os.killpg(served.process.pid, signal.SIGHUP)
    for pid in [served.process.pid, *served.processes()]:
        status = Path(f"/proc/{pid}/status").read_text()
        ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
        assert ignored & 1 << signal.SIGHUP - 1, status
    assert ask(served) == (200, [2, 22])
    assert "a new generation is started" not in served.text
    assert served.stop() == 0


@linux
def test_the_system_ends_replicas_before_workers_and_these_before_the_supervisor(start_processes):
    served = start_processes()
    served.wait_until_ready()

    def score(pid):
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    own = score(served.process.pid)
    for name, points in (("jubako-api", 100), ("jubako-zygote", 100), ("jubako-replica", 200)):
        assert {score(pid) for pid in served.processes(name)} == {min(1000, own + points)}
    assert served.stop() == 0


@linux
def test_what_a_replica_leaves_behind_ends_with_it(start_processes, folder):
    (folder / "service.py").write_text(
        SERVICE.replace(
            "self.weights = int", "import subprocess; subprocess.Popen(['sleep', '1000'])\n        self.weights = int"
        )
    )
    served = start_processes()
    served.wait_until_ready()
    gone = served.processes("sleep")
    assert len(gone) == 2
    kill(*served.processes("jubako-replica"))
    replaced(served, "sleep", gone)
    served.wait_until(lambda: not set(gone) & set(served.processes()))
    assert served.stop() == 0
    served.wait_until(lambda: served.processes() == [])


def test_a_runner_that_cannot_be_set_up_is_one_paragraph(start, folder):
    (folder / "broken").touch()
    served = start()
    assert served.ended() == 1
    assert "Error: The service did not start: runner " in served.text
    assert "the weights are gone" in served.text
    assert "Traceback" not in served.text
    assert served.processes() == []


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [("import nothing_here", "nothing_here"), ("raise RuntimeError('a slip of the pen')", "a slip of the pen")],
)
def test_a_service_that_cannot_be_imported_is_one_paragraph(start, folder, mistake, reason):
    (folder / "service.py").write_text(f"{mistake}\nsvc = None\n")
    served = start()
    assert served.ended() == 1
    assert served.text.startswith("Error: ")
    assert reason in served.text
    assert "Traceback" not in served.text
    assert list(served.temporary.iterdir()) == []


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-"])
def test_a_server_that_was_started_without_standard_streams_serves(folder, save, closed):
    save(1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f'exec "$0" -m jubako serve service:svc --port {port} {closed}'
    with subprocess.Popen(
        ["/bin/sh", "-c", command, sys.executable],
        cwd=folder,
        env={**os.environ, "JUBAKO_HOME": str(folder / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said = process.stderr.readline()
        if said.startswith("Serving"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
            connection.request("POST", "/ask", "0", {"Content-Type": JSON_TYPE})
            assert json.loads(connection.getresponse().read()) == [2, 22]
            connection.close()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0, said


def test_a_stop_while_the_service_is_imported_ends_it_at_once(serve, folder):
    (folder / "service.py").write_text(
        f"import pathlib, time\npathlib.Path({str(folder / 'begun')!r}).touch()\ntime.sleep(3600)\nsvc = 1\n"
    )
    served = serve(folder, "service:svc")
    served.wait_until_begun()
    assert served.stop() == 0
    assert served.processes() == []


@linux
def test_a_killed_api_worker_is_replaced_and_the_others_answer_meanwhile(start):
    served = start("--workers", "2")
    served.wait_until_ready()
    gone = served.processes("jubako-api-0")
    waiting = [served.ask("/wait", "2") for _ in range(8)]
    wait_until_in_flight(served, 8)
    kill(*gone)
    answers = [each.answered() for each in waiting]
    assert all(answer == (200, b"waited") or isinstance(answer, Exception) for answer in answers)
    replaced(served, "jubako-api-0", gone)
    assert ask(served) == (200, [2, 22])
    assert served.stop() == 0


def test_reloading_without_the_package_for_it_says_what_to_install(serve, folder, site):
    site.install(
        "nothing", modules={"watchfiles.py": "raise ModuleNotFoundError('not installed', name='watchfiles')\n"}
    )
    served = serve(folder, "service:svc", "--reload", PYTHONPATH=str(site.folder))
    assert served.ended() == 1
    assert served.text.splitlines() == [
        "Error: --reload cannot be used.",
        "The package 'watchfiles' is not installed.",
        "Do: pip install 'jubako[reload]'",
    ]


def test_the_supervisor_imports_neither_numbers_nor_a_web_framework_nor_user_code(site):
    done = site.run_python(
        "-c",
        "import sys, jubako.cli.serve, jubako.serving.supervisor\n"
        "heavy = {'numpy', 'pandas', 'quart', 'hypercorn', 'jubako.services', 'jubako.models'}\n"
        "print(sorted(heavy & set(sys.modules)))",
        **without_own_path(site.folder),
    )
    assert done.stdout == "[]\n", done.stderr
