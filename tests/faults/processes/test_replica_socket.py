"""Whoever else connects to a replica's socket: other users, and bytes that are no frames."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import subprocess
import sys
import threading

import pytest

from jubako.backends.process.frames import FrameType, encode_frame
from jubako.backends.process.worker_connection import PROTOCOL
from tests.faults.processes.faulty_client import COMPUTE, ask, under_load

NOBODY = 65534
HELLO = b"".join(map(bytes, encode_frame(FrameType.HELLO, {"protocol": PROTOCOL})))

# Says hello as another user, and what it hears.
STRANGER = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(10)
try:
    connection.connect(sys.argv[1])
    connection.sendall(bytes.fromhex(sys.argv[2]))
    print(len(connection.recv(65536)))
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def socket_path(serving):
    """Serve, and return the server and the path of its replica's socket."""
    served = serving()
    (path,) = served.temporary.glob("jubako-*/1/0-0")
    return served, path


def exchange(path, data):
    """What a replica says to some bytes before it ends the connection."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        heard = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                heard += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
        return heard


def as_stranger(path):
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(path), HELLO.hex()],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.mark.quick
@pytest.mark.row("replica-socket")
@pytest.mark.skipif(os.geteuid() != 0, reason="only the administrator can become somebody else")
def test_another_user_is_refused_by_the_folder_and_by_the_replica_itself(socket_path, figures):
    served, path = socket_path
    assert as_stranger(path) == "PermissionError"
    for each in (path, path.parent, path.parent.parent, served.temporary):
        each.chmod(0o777)
    try:
        assert as_stranger(path) in ("0", "ConnectionResetError", "BrokenPipeError")
    finally:
        served.temporary.chmod(0o755)
        for each in (path.parent.parent, path.parent, path):
            each.chmod(0o700)
    assert len(exchange(path, HELLO)) > 0
    assert "a process of another user" in served.text
    figures(strangers="2 of 2 refused")


@pytest.mark.row("replica-socket")
def test_torn_oversized_and_random_frames_end_their_own_connection_only(socket_path, length, figures):
    served, path = socket_path
    (replica,) = served.pids("jubako-replica")
    chance = random.Random(4)
    header = HELLO[:16]
    torn = [HELLO[:cut] for cut in range(1, len(HELLO))]
    # The lengths stand last in the header.
    oversized = [header[:8] + struct.pack("<II", size, count) for size, count in [(2**32 - 1, 0), (8, 2**32 - 1)]]
    oversized += [header[:8] + struct.pack(">II", size, count) for size, count in [(2**32 - 1, 0), (8, 2**32 - 1)]]
    flipped = []
    for bit in range(8 * len(HELLO)):
        data = bytearray(HELLO)
        data[bit // 8] ^= 1 << bit % 8
        flipped.append(bytes(data))
    count = int(length(300, 20_000))
    random_bytes = [chance.randbytes(chance.randrange(1, 400)) for _ in range(count)]
    greeted = [HELLO + chance.randbytes(chance.randrange(1, 400)) for _ in range(count)]
    replayed = [HELLO + HELLO]
    hostile = [*torn, *oversized, *flipped, *random_bytes, *greeted, *replayed]
    answered = []

    def attack():
        # One that has said hello is welcomed, and then hears no more.
        answered.extend(exchange(path, data) for data in hostile)

    async def attacking():
        await asyncio.to_thread(attack)

    load = asyncio.run(under_load(served, attacking, rate=30, seconds=length(4, 60)))
    assert load.statuses == {200: len(load.answers)}
    assert len(answered) == len(hostile)
    assert not any(answered[: len(torn) + len(oversized)])
    assert served.pids("jubako-replica") == [replica]
    assert ask(served, COMPUTE, 2)[1]["value"] == 4
    figures(hostile=f"{len(hostile):,} connections", lost=load.lost_of, max_ms=load.percentile_ms(100))


@pytest.mark.row("replica-socket")
def test_a_hundred_connections_that_say_nothing_are_no_obstacle(socket_path, figures):
    served, path = socket_path
    silent = []
    for _ in range(100):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(path))
        silent.append(connection)
    assert ask(served, COMPUTE, 2)[1]["value"] == 4
    # Who does not say hello is not waited for.
    ended = []

    def wait(connection):
        connection.settimeout(30)
        ended.append(connection.recv(10))
        connection.close()

    threads = [threading.Thread(target=wait, args=(each,)) for each in silent]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [b""] * 100
    figures(silent="100 of 100 closed")
