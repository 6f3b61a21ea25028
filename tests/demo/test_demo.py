"""The demo of the README: every answer is right, and Ctrl-C leaves no process behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "iris" / "demo.py"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def start(home: Path, *options: str) -> subprocess.Popen[str]:
    """Start the demo in a process group of its own, with a home that nothing may be written to.

    SIGINT is ignored when it starts, as it is for whatever a script starts in the background.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JUBAKO_")}
    return subprocess.Popen(
        ["bash", "-c", 'trap "" INT; exec "$@"', "bash", sys.executable, str(DEMO), *options],
        env={**environment, "HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def waiting_demo(tmp_path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A demo that waits for Ctrl-C, and the port of its server."""
    with start(tmp_path) as demo:
        said = []
        for line in demo.stdout:
            said.append(line)
            if "Ctrl-C stops it." in line:
                break
        address = re.search(r"http://127\.0\.0\.1:(\d+)/", "".join(said))
        assert address, "".join(said)
        yield demo, int(address[1])
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_every_answer_is_the_models_own(tmp_path):
    with start(tmp_path, "--once") as demo:
        said, _ = demo.communicate(timeout=240)
    assert demo.returncode == 0, said
    assert "150 of 150" in said
    assert re.search(r"mean batch +\d+\.\d rows", said)
    assert re.search(r"p50 \d+\.\d ms, p99 \d+\.\d ms", said)
    assert not list(tmp_path.iterdir()), "the demo wrote to the user's home"


@pytest.mark.parametrize("whom", ["the group, as a terminal does", "the demo alone"])
def test_an_interrupt_stops_the_server_too(waiting_demo, whom):
    demo, port = waiting_demo
    assert is_open(port)
    if whom == "the demo alone":
        demo.send_signal(signal.SIGINT)
    else:
        os.killpg(demo.pid, signal.SIGINT)
    # The pipe ends when the last process that holds it has ended, so no child is left.
    rest, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, rest
    assert "Traceback" not in rest
    assert not is_open(port)
