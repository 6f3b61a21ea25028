from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jubako.backends.process.frames import FrameType, encode_frame
from jubako.backends.process.worker_connection import PROTOCOL

BIG = "crash_runners:Big"
HELLO = encode_frame(FrameType.HELLO, {"protocol": PROTOCOL})[0]


def header(meta_bytes, count, kind=FrameType.CALLS):
    return struct.pack("<4sBBHII", b"JBK1", 1, kind, 0, meta_bytes, count)


def calls_frame(*runs):
    return encode_frame(FrameType.CALLS, ["run", list(runs)])[0]


HOSTILE = {
    "random bytes": os.urandom(4096),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a frame before hello": calls_frame(),
    "a hello of another version": encode_frame(FrameType.HELLO, {"protocol": PROTOCOL + 1})[0],
    "a hello of another kind": encode_frame(FrameType.HELLO, ["hello"])[0],
    "random bytes after hello": HELLO + os.urandom(4096),
    "an oversized meta": HELLO + header(2**32 - 1, 0),
    "an oversized buffer": HELLO + header(2, 1) + b"[]" + struct.pack("<Q", 2**62),
    "too many buffers": HELLO + header(2, 2**32 - 1),
    "deep JSON": HELLO + header(200_000, 0) + b"[" * 200_000,
    "a frame that workers do not send": HELLO + encode_frame(FrameType.ANSWERS, ["run", [], []])[0],
    "an unknown method": HELLO + encode_frame(FrameType.CALLS, ["rm", []])[0],
    "calls without meta": HELLO + encode_frame(FrameType.CALLS, None)[0],
    "a call of too few parts": HELLO + calls_frame([[1], True]),
    "a call without its buffer": HELLO
    + calls_frame([[1], True, [], 8, [1], [True], [1e12], [0.0], [None], [0], [["ndarray", {}, 1, 0]]]),
    "a withdrawal of nothing": HELLO + encode_frame(FrameType.WITHDRAW, 7)[0],
}


@pytest.fixture
async def served(replicas, crash_runners):
    """A replica with a backend connected, and a way to see that both are well."""
    (replica,) = replicas.start(BIG)
    runner = crash_runners.Big()
    await replicas.serve(runner)

    async def is_well():
        assert (await asyncio.wait_for(runner.async_run(np.ones(2)), 60)).tolist() == [2.0, 2.0]
        assert replica.process.poll() is None

    return replica, is_well


def ask(path, data):
    """What comes back before the connection is ended; fails if it is not."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(path)
        answer = b""
        try:
            connection.sendall(data)
            while part := connection.recv(65536):
                answer += part
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


async def test_what_is_not_understood_ends_its_own_connection_only(served):
    replica, is_well = served
    for name, data in HOSTILE.items():
        answer = await asyncio.to_thread(ask, replica.path, data)
        assert data.startswith(HELLO) or answer == b"", name
        await is_well()


async def test_a_torn_frame_ends_its_own_connection_only(served):
    replica, is_well = served
    for length in (3, 16, 40, 100):
        data = HELLO + header(30, 1) + b" " * 200
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(replica.path)
            connection.sendall(data[: len(HELLO) + length])
        await is_well()


async def test_arguments_that_cannot_be_read_are_answered(served):
    replica, is_well = served
    parts = [["ndarray", {"dtype": "O", "shape": [2**60]}, 0, 0]]
    run = [[1], True, [], 8, [1], [True], [1e12], [0.0], [None], [0], parts]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(replica.path)
        connection.sendall(HELLO + calls_frame(run))
        answer = b""
        while b"cannot go from one process to the other" not in answer:
            answer += connection.recv(65536)
    await is_well()


def rss_kib(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_promises_of_gigabytes_cost_a_replica_no_memory(served):
    replica, is_well = served
    before = rss_kib(replica.process.pid)
    promise = HELLO + header(2, 1) + b"[]" + struct.pack("<Q", 2**30 - 16)
    connections = []
    for _ in range(20):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(replica.path)
        connection.sendall(promise)
        connections.append(connection)
    await is_well()
    # Of the 20 GiB that were promised, one huge page each is there at most.
    assert rss_kib(replica.process.pid) - before < 100 * 1024
    for connection in connections:
        connection.close()
    await is_well()


STRANGER = """
import os, socket, sys
if len(sys.argv) > 3:
    # Only now: an interpreter in a private folder cannot be started by somebody else.
    os.setgroups([])
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[3]))
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(60)
connection.connect(sys.argv[1])
try:
    connection.sendall(bytes.fromhex(sys.argv[2]))
    sys.stdout.write(repr(connection.recv(100)))
except (BrokenPipeError, ConnectionResetError):
    sys.stdout.write("b''")
"""


def open_to_everybody(folder, path):
    # So that nothing but the check of the peer keeps anybody out.
    folder.chmod(0o755)
    path.chmod(0o777)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be somebody else")
async def test_a_process_of_another_user_is_turned_away(served, replicas):
    replica, is_well = served
    open_to_everybody(replicas.folder, Path(replica.path))
    command = [sys.executable, "-I", "-S", "-c", STRANGER, replica.path, HELLO.hex()]
    options = {"capture_output": True, "text": True, "timeout": 60, "cwd": "/"}
    known = await asyncio.to_thread(subprocess.run, command, **options)
    assert "JBK1" in known.stdout, known.stderr
    stranger = await asyncio.to_thread(subprocess.run, [*command, "65534"], **options)
    assert stranger.stdout == "b''", stranger.stderr
    await is_well()
