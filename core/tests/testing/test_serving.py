"""`jubako.testing.serving`: a real server for the length of a block, which nothing outlives."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import httpx
import pytest

import jubako
from jubako.errors import CommandError, InternalServerError, InvalidArgument
from jubako.io import JSON
from jubako.settings import Settings, StoreSettings
from jubako.testing import serving
from jubako.workspace import open_workspace, using_workspace

SERVICE = """
import os

import jubako
from flask import Flask, request
from jubako.io import JSON


class Doubler(jubako.SimpleRunner):
    def _setup(self):
        self.pid = os.getpid()

    def _run(self, value):
        return [value * 2, self.pid]


flask = Flask("mounted")
runner = Doubler()
svc = jubako.Service("doubler", runners=[runner])


@svc.api(input=JSON(), output=JSON())
async def double(value):
    answer, replica = await runner.async_run(value)
    return {"answer": answer, "is_inline": replica == os.getpid(), "supervisor": os.getppid()}


@flask.post("/double")
def double_in_flask():
    return {"answer": runner.run(request.get_json())[0], "workers": workers}


svc.mount_wsgi_app(flask, "/flask")
workers = []


@svc.on_startup
async def note_worker():
    workers.append(await runner.async_run(1) != [2, os.getpid()])


@svc.api(input=JSON(), output=JSON())
def fail(value):
    raise RuntimeError("what went wrong inside")
"""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JUBAKO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUBAKO_PLUGINS", "")
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=tmp_path / "home")))):
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "service.py").write_text(SERVICE)
    return tmp_path


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_refused(client: httpx.Client) -> bool:
    try:
        socket.create_connection((client.base_url.host, client.base_url.port)).close()
    except ConnectionError:  # refused, or reset if it came while the socket was closed
        return True
    return False


def test_a_source_file_goes_through_the_supervisor(folder):
    with serving("service.py:svc", working_dir=folder, settings={"server.max_body_bytes": 50}) as client:
        answer = client.post("/double", json=21).json()
        assert (answer["answer"], answer["is_inline"]) == (42, False)
        assert client.post("/double", json="x" * 51).status_code == 413
        # A mounted application calls the runner in its own process, and the service's start did.
        assert client.post("/flask/double", json=4).json() == {"answer": 8, "workers": [True]}
        assert "Serving doubler at http://127.0.0.1:" in client.log
    assert not is_alive(answer["supervisor"])
    assert is_refused(client)


def test_a_path_is_served_with_the_backend_that_is_asked_for_and_stopped_when_a_test_fails(folder):
    supervisors: list[int] = []

    def check() -> None:
        with serving(folder / "service.py", backend="inline") as client:
            answer = client.post("/double", json=1).json()
            assert answer["is_inline"]
            supervisors.append(answer["supervisor"])
            client.post("/fail", json=1).raise_for_status()

    with pytest.raises(httpx.HTTPStatusError) as caught:
        check()
    assert not is_alive(supervisors[0])
    (note,) = caught.value.__notes__
    assert "what went wrong inside" in note


def test_a_target_that_cannot_be_served_fails_with_the_servers_log(folder):
    with pytest.raises(CommandError) as caught, serving("service.py:nope", working_dir=folder):
        pytest.fail("it was served")
    assert "the server of 'service.py:nope' did not start." in str(caught.value)
    assert "nope" in caught.value.why


def make_service() -> tuple[jubako.Service, list[str]]:
    notes: list[str] = []

    class Upper(jubako.SimpleRunner):
        def _setup(self) -> None:
            pass

        def _run(self, text):
            notes.append(threading.current_thread().name)
            return text.upper()

    runner = Upper()
    svc = jubako.Service("upper", runners=[runner])

    @svc.api(input=JSON(), output=JSON())
    def upper(text):
        notes.append(text)
        return runner.run(text)

    @svc.on_shutdown
    def stopped():
        notes.append("stopped")

    return svc, notes


def test_a_service_object_is_served_in_this_process_and_can_be_looked_into():
    svc, notes = make_service()
    before = threading.active_count()
    for _ in range(2):
        with serving(svc, headers={"x-request-id": "mine"}) as client:
            answer = client.post("/upper", json="a")
            assert answer.json() == "A"
            assert answer.headers["x-request-id"] == "mine"
        assert is_refused(client)
    assert notes.count("stopped") == notes.count("a") == 2
    assert "jubako-serving" not in [thread.name for thread in threading.enumerate()]
    assert threading.active_count() <= before + 1
    # Without a server the runner works in place again.
    (runner,) = svc.runners.values()
    assert runner.run("b") == "B"


def test_settings_hold_for_a_service_object():
    svc, _ = make_service()
    with serving(svc, settings={"server.api_keys": ["key"]}) as client:
        assert client.get("/docs.json").status_code == 401
        assert client.get("/docs.json", headers={"x-api-key": "key"}).status_code == 200


def test_a_service_object_that_does_not_start_says_why():
    svc, _ = make_service()

    @svc.on_startup
    async def connect():
        raise OSError("the database is gone")

    with pytest.raises(InternalServerError, match="the database is gone"), serving(svc):
        pytest.fail("it was served")


def test_a_service_object_has_the_inline_backend_alone():
    svc, _ = make_service()
    with pytest.raises(InvalidArgument, match=r"give its import string, such as 'service\.py:svc'"):
        serving(svc, backend="process").__enter__()


def test_the_fixture_serves_until_the_end_of_a_test(folder, site):
    (folder / "conftest.py").write_text('pytest_plugins = ["jubako.testing.fixtures"]\n')
    (folder / "test_service.py").write_text(
        "from pathlib import Path\n\nfrom service import svc\n\n\ndef test_double(jubako_serving):\n"
        "    inline = jubako_serving(svc)\n"
        '    supervised = jubako_serving(Path(__file__).with_name("service.py"), backend="inline")\n'
        '    assert inline.post("/double", json=1).json()["answer"] == 2\n'
        '    assert supervised.post("/fail", json=1).status_code == 200\n'
    )
    done = site.run_python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder), PYTHONPATH=str(folder)
    )
    assert "1 failed" in done.stdout, done.stdout + done.stderr
    assert "assert 500 == 200" in done.stdout
    assert "Captured stderr teardown" in done.stdout
    assert "what went wrong inside" in done.stdout


def test_serving_costs_nothing_until_it_is_used(site):
    done = site.run_python("-c", "import sys, jubako.testing; print('httpx' in sys.modules, 'pytest' in sys.modules)")
    assert done.stdout.split() == ["False", "False"], done.stderr
