"""Pickles to every socket that a server has, from outside and from inside: none is ever read.

One thing is meant to unpickle: a replica, what a worker of its own user sends it in a sound frame. That is tried too,
so that the tests are known to have teeth, and from another user, who is turned away.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.trust.links import end_of_link
from tests.faults.trust.pickles import HEADERS, MEDIA_TYPES, bodies, frames, records, routes_of, sound_frame
from tests.faults.watched import Request

pytestmark = [
    pytest.mark.row("pickle-to-sockets"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.timeout(180),
]

SERVICE = """
import jubako
from jubako.io import JSON, NumpyNdarray, Text


class Echo(jubako.Runner):
    def _setup(self):
        pass

    def _run_batch(self, rows):
        return rows


echo = Echo(name="echo")
svc = jubako.Service("echo", runners=[echo])


@svc.api(input=NumpyNdarray(), output=NumpyNdarray())
async def array(value):
    return await echo.async_run_batch(value)


@svc.api(input=JSON(), output=JSON())
async def value(value):
    return (await echo.async_run_batch([value]))[0]


@svc.api(input=Text(), output=Text())
async def text(value):
    return (await echo.async_run_batch([value]))[0]
"""


@pytest.fixture
def served(serve, tmp_path):
    (tmp_path / "service.py").write_text(SERVICE)
    server = serve(tmp_path, "service.py:svc", good=Request("/array", "[1.0, 2.0]"))
    server.wait_until_ready()
    return server


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


def test_no_body_of_any_media_type_is_unpickled_on_any_route(served, canary, figures):
    every, refused = 0, 0
    routes = list(dict.fromkeys(routes_of(served.get("/docs.json")[1])))
    for route, media_type in itertools.product(routes, MEDIA_TYPES):
        is_thorough = route == "/array" or media_type == MEDIA_TYPES[0]
        for body in bodies(canary) if is_thorough else bodies(canary)[:2]:
            status, _ = served.post(route, body, media_type, **HEADERS)
            every += 1
            refused += status >= 400
            # Text takes any bytes that are UTF-8.
            assert 400 <= status < 500 or (route == "/text" and status == 200), (route, media_type, status)
    assert not canary.exists()
    figures(requests=f"{every:,} on {len(routes)} routes: canary 0, {refused:,} refused")


def ask(path: str, data: bytes) -> None:
    """Send, and read until the other end has ended the connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(path)
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass


def sockets_of(served) -> list[Path]:
    return [path for path in served.temporary.rglob("*") if path.is_socket()]


def test_no_frame_that_a_worker_would_not_send_is_unpickled(served, canary, figures):
    sockets = sockets_of(served)
    assert sockets
    for path in sockets:
        for data in frames(canary):
            ask(str(path), data)
    assert not canary.exists()
    figures(frames=f"{len(frames(canary))} to the socket of a replica: canary 0")


STRANGER = """
import os, socket, sys
if len(sys.argv) > 3:
    # Only now: an interpreter in a private folder cannot be started by somebody else.
    os.setgroups([])
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[3]))
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(30)
connection.connect(sys.argv[1])
try:
    connection.sendall(bytes.fromhex(sys.argv[2]))
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass
except (BrokenPipeError, ConnectionResetError):
    pass
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_sound_frame_is_read_for_our_own_user_and_for_nobody_else(served, canary, figures):
    (path,) = sockets_of(served)
    # So that nothing but the check of the peer keeps anybody out.
    for folder in path.parents[: len(path.relative_to(served.temporary).parts) - 1]:
        folder.chmod(0o755)
    path.chmod(0o777)
    command = [sys.executable, "-I", "-S", "-c", STRANGER, str(path), sound_frame("run", canary).hex()]
    stranger = subprocess.run([*command, "65534"], capture_output=True, text=True, timeout=60, cwd="/", check=False)
    assert stranger.returncode == 0, stranger.stderr
    # One after the other: the replica has turned the stranger away when it takes what comes after.
    served.wait_until(served.is_good)
    assert not canary.exists()
    figures(sound_frame="of another user: turned away")
    subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", check=True)
    served.wait_until(canary.exists)


def say(served, child: str, data: bytes, *, to_child: bool) -> int:
    """Write into the control link of a process of that name, for it or for the supervisor, and return its number."""
    heard = []

    def is_said() -> bool:
        for pid in served.processes(child):
            link = end_of_link(*((served.process.pid, pid) if to_child else (pid, served.process.pid)))
            # One that the last record has ended is being replaced.
            if link is not None:
                with link, contextlib.suppress(OSError):
                    link.send(data)
                    heard.append(pid)
                    return True
        return False

    served.wait_until(is_said)
    return heard[0]


@pytest.mark.parametrize("listener", ["jubako-api-0", "jubako-replica", "jubako-zygote", "supervisor"])
def test_no_process_unpickles_what_comes_over_its_control_link(served, canary, figures, listener):
    child = "jubako-api-0" if listener == "supervisor" else listener
    bare, behind_a_length, *in_records = records(canary)[:4]
    for data in (bare, *in_records, behind_a_length):
        pid = say(served, child, data, to_child=listener != "supervisor")
        if data not in in_records:
            # It has heard it: its link, and so the process, has ended.
            served.replaced(child, pid)
        served.seconds_until_good()
    assert not canary.exists()
    figures(**{f"to {listener}": "4 records over its control link: canary 0"})
