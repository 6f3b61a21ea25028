"""`jubako serve` in real processes, stopped by real signals."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE_S = 60.0
# Longer than any test waits: what would take it is never done in time.
NEVER_S = "3600"

SERVICE = """
import asyncio, pathlib, sys, threading, time
import jubako
from jubako.io import JSON, Text

svc = jubako.Service("example")
HERE = pathlib.Path(__file__).parent

@svc.api(input=JSON(), output=JSON())
async def double(value):
    return value * 2

@svc.api(input=Text(), output=Text())
async def wait(seconds):
    (HERE / "begun").touch()
    await asyncio.sleep(float(seconds))
    return "waited"

@svc.api(input=Text(), output=Text())
def wait_sync(seconds):
    (HERE / "begun").touch()
    time.sleep(float(seconds))
    return "waited"

@svc.api(input=Text(), output=Text())
async def block(seconds):
    (HERE / "begun").touch()
    time.sleep(float(seconds))
    return "waited"

@svc.api(input=Text(), output=Text())
async def fail(text):
    raise RuntimeError("the secret reason")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "service.py").write_text(SERVICE)
    return tmp_path


@pytest.fixture
def start(folder, serve):
    """Serve what stands in the folder; where it matters which backend that is, tests take `start_each`."""
    return lambda *arguments, **environment: serve(folder, *arguments, **environment)


@pytest.fixture(params=["inline", "process"])
def start_each(request, start):
    """The same, with each backend in turn."""
    return lambda *arguments, **environment: start(*arguments, "--backend", request.param, **environment)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_is_served_until_a_signal_and_the_exit_code_is_0(start_each, number):
    server = start_each("service:svc")
    server.wait_until_ready()
    assert server.post("/double", "21", "application/json") == (200, b"42")
    server.process.send_signal(number)
    assert server.ended() == 0
    assert "Traceback" not in server.text
    access = [json.loads(line) for line in server.lines if '"event":"access"' in line]
    assert [(line["path"], line["status"]) for line in access] == [("/double", 200)]


@pytest.mark.parametrize("path", ["/wait", "/wait_sync"])
def test_a_request_in_flight_is_answered_at_sigterm_and_new_ones_are_refused(start_each, path):
    server = start_each("service:svc")
    server.wait_until_ready()
    asking = server.ask(path, "0.6")
    server.wait_until_begun()
    server.process.send_signal(signal.SIGTERM)
    server.wait_until_refused()
    assert asking.answered() == (200, b"waited")
    assert server.ended() == 0


def test_idle_connections_do_not_delay_the_exit(start_each):
    server = start_each("service:svc", JUBAKO_SERVER__DRAIN_S=NEVER_S, JUBAKO_SERVER__KEEP_ALIVE_S=NEVER_S)
    port = server.wait_until_ready()
    idle = [http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S) for _ in range(5)]
    for connection in idle:
        connection.request("GET", "/livez")
        assert connection.getresponse().read() == b"\n"
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0
    for connection in idle:
        connection.close()


def test_what_outlives_the_drain_is_answered_503_and_the_process_ends(start_each):
    server = start_each("service:svc", JUBAKO_SERVER__DRAIN_S="0.3")
    server.wait_until_ready()
    asking = server.ask("/wait", NEVER_S)
    server.wait_until_begun()
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0
    status, body = asking.answered()
    assert status == 503
    assert json.loads(body)["type"] == "urn:jubako:problem:service-unavailable"


def test_a_sync_function_that_never_returns_does_not_keep_the_process(start_each):
    server = start_each("service:svc", JUBAKO_SERVER__DRAIN_S="0.3")
    server.wait_until_ready()
    asking = server.ask("/wait_sync", NEVER_S)
    server.wait_until_begun()
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0
    assert asking.answered()[0] == 503


def test_a_second_signal_at_once_is_the_same_wish_and_a_later_one_cuts(start_each):
    server = start_each("service:svc", JUBAKO_SERVER__DRAIN_S=NEVER_S)
    server.wait_until_ready()
    asking = server.ask("/wait", NEVER_S)
    server.wait_until_begun()
    server.process.send_signal(signal.SIGINT)
    server.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(1.2)
    # One is enough, unless the first had only just been heard of.
    for _ in range(10):
        server.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(4)
            break
    assert server.ended() == 128 + signal.SIGTERM
    answer = asking.answered()
    assert isinstance(answer, Exception) or answer[0] == 503


@pytest.mark.slow
def test_a_function_that_blocks_the_loop_cannot_keep_the_process_for_ever(start):
    # The watchdog ends it 5 s after the drain; the exit code says that it was not in order.
    server = start("service:svc", JUBAKO_SERVER__DRAIN_S="0.1")
    server.wait_until_ready()
    server.ask("/block", NEVER_S)
    server.wait_until_begun()
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 1


def test_a_failure_of_user_code_is_told_in_the_log_under_the_requests_id(start):
    server = start("service:svc", JUBAKO_SERVER__LOGGING__FORMAT="json")
    server.wait_until_ready()
    status, body = server.post("/fail", "x", **{"x-request-id": "find-me"})
    assert status == 500
    assert b"secret" not in body
    assert json.loads(body)["request_id"] == "find-me"
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0
    record = next(json.loads(line) for line in server.lines if "API fail failed" in line)
    assert record["request_id"] == "find-me"
    assert "the secret reason" in record["trace"]


def test_a_port_that_is_taken_is_one_paragraph_and_exit_code_1(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = start("service:svc", "--port", str(port))
        assert server.ended() == 1
    assert server.text.startswith(f"Error: port {port} of 127.0.0.1 cannot be bound.")
    assert "Traceback" not in server.text


@pytest.mark.parametrize("target", ["nowhere:svc", "service:nothing", "./missing.py:svc", "no-such-bento:latest"])
def test_a_target_that_names_nothing_is_one_paragraph_and_exit_code_1(start, target):
    server = start(target)
    assert server.ended() == 1
    assert server.text.startswith("Error: ")
    assert "Traceback" not in server.text
    assert "Do: " in server.text


def test_a_source_that_fails_is_one_paragraph_with_its_own_lines_and_exit_code_1(start, folder):
    (folder / "helper.py").write_text("def fail():\n    import jubako_no_such_package\n\nfail()\n")
    (folder / "service.py").write_text("import helper\n")
    server = start("service.py:svc")
    assert server.ended() == 1
    place = folder.resolve()
    assert (
        f"Error: {place}/service.py cannot be imported.\n"
        "It raises ModuleNotFoundError: No module named 'jubako_no_such_package'\n"
        f'  File "{place}/service.py", line 1, in <module>\n    import helper\n'
        f'  File "{place}/helper.py", line 4, in <module>\n    fail()\n'
        f'  File "{place}/helper.py", line 2, in fail\n    import jubako_no_such_package\n'
        "Do: install the package of 'jubako_no_such_package', or correct the import"
    ) in server.text


def test_a_runner_that_cannot_start_is_one_paragraph_and_exit_code_1(start_each, folder):
    (folder / "broken.py").write_text(
        "import jubako\n"
        "class Lost(jubako.Runner):\n"
        "    def _setup(self):\n        raise OSError('the weights are gone')\n"
        "    def _run_batch(self, rows):\n        return rows\n"
        "svc = jubako.Service('broken', runners=[Lost()])\n"
    )
    server = start_each("broken.py:svc")
    assert server.ended() == 1
    assert "Error: The service did not start: runner " in server.text
    assert "the weights are gone" in server.text
    assert "Serving" not in server.text


def test_a_working_directory_and_a_configuration_file_are_used(start, folder):
    project = folder / "project"
    project.mkdir()
    (folder / "service.py").rename(project / "service.py")
    (folder / "jubako.yaml").write_text(
        "server:\n  api_keys: [opensesame]\n  workers: 3\nrunners:\n  named: {iris: {batching: {max_batch_size: 2}}}\n"
    )
    server = start("service.py:svc", "--working-dir", "project", "--config", "jubako.yaml", "--workers", "2")
    server.wait_until_ready()
    if sys.platform == "linux":
        assert len(server.processes("jubako-api")) == 2
    assert server.post("/double", "1", "application/json")[0] == 401
    assert server.post("/double", "1", "application/json", **{"x-api-key": "opensesame"}) == (200, b"2")
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0
    assert "opensesame" not in server.text
    assert server.text.count("runners.named.iris is of no runner of this service: it has none") == 1


@pytest.mark.parametrize(("option", "is_logged", "is_told"), [("--quiet", False, False), ("--verbose", True, True)])
def test_how_much_is_said_can_be_chosen(start, option, is_logged, is_told):
    server = start("service:svc", "--backend", "inline", option)
    server.wait_until_ready()
    assert server.post("/double", "1", "application/json") == (200, b"2")
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0
    assert ("/double" in server.text) == is_logged
    assert ("setting server.port is of " in server.text) == is_told


def test_a_broken_plugin_is_told_of_and_serving_goes_on(start, site):
    site.install_plugin("broken", "raise OSError('this plugin is broken')\n")
    server = start("service:svc", JUBAKO_PLUGINS="broken", PYTHONPATH=str(site.folder))
    server.wait_until_ready()
    assert server.post("/double", "1", "application/json") == (200, b"2")
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0
    assert "plugin broken is failed" in server.text


def test_a_configuration_file_can_be_named_by_the_environment(start, folder):
    (folder / "jubako.yaml").write_text("server:\n  http_server: carrier-pigeon\n")
    server = start("service:svc", JUBAKO_CONFIG=str(folder / "jubako.yaml"))
    assert server.ended() == 1
    assert "carrier-pigeon" in server.text


def test_an_address_that_others_reach_without_a_key_is_warned_of(start):
    server = start("service:svc", "--host", "0.0.0.0")
    server.wait_for_line(r"^Warning: whoever reaches 0\.0\.0\.0 can use this service")
    server.wait_for_line(r"^Serving example at http://0\.0\.0\.0:\d+")
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0


def test_a_server_that_asks_for_a_key_is_not_warned_of(start):
    server = start("service:svc", "--host", "0.0.0.0", JUBAKO_SERVER__API_KEYS="geheim")
    server.wait_for_line(r"^Serving example at http://0\.0\.0\.0:\d+")
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0
    assert "Warning" not in server.text
    assert "geheim" not in server.text


@pytest.mark.parametrize(("name", "value"), [("QUART_DEBUG", "1"), ("FLASK_DEBUG", "true")])
def test_a_debug_flag_is_refused(serve, folder, name, value):
    server = serve(folder, "service:svc", **{name: value})
    assert server.ended() == 1
    assert f"{name} is set to '{value}'" in server.text
    assert f"Do: unset {name}" in server.text
    assert not (folder / "begun").exists()


def test_a_debug_flag_that_is_off_is_none(serve, folder):
    server = serve(folder, "service:svc", QUART_DEBUG="0", FLASK_DEBUG="False")
    server.wait_until_ready()
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0


def test_an_unknown_backend_is_one_paragraph_and_exit_code_1(start, folder):
    (folder / "running.py").write_text(
        "import jubako\n"
        "class Same(jubako.Runner):\n"
        "    def _setup(self):\n        pass\n"
        "    def _run_batch(self, rows):\n        return rows\n"
        "svc = jubako.Service('running', runners=[Same()])\n"
    )
    server = start("running.py:svc", "--backend", "the-moon")
    assert server.ended() == 1
    assert "the-moon" in server.text
    assert "Traceback" not in server.text
