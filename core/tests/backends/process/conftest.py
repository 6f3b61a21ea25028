from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pytest

from jubako.backends.process.backend import ProcessBackend, RunnerChannels
from jubako.plugins import compose
from jubako.values.resources import BatchOptions

HERE = Path(__file__).parent
PATIENCE_S = 60.0


async def until(is_true, what):
    """Waits for what another process does; fails loudly."""
    ends_s = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < ends_s, f"{what} did not happen"
        await asyncio.sleep(0.002)


def unread_bytes(link):
    """What was sent over a link and not read yet; 0 where the system does not say."""
    stream = link._stream
    if stream is None or not stream._is_open or sys.platform != "linux":
        return 0
    (unread,) = struct.unpack("i", fcntl.ioctl(stream._connection, termios.TIOCOUTQ, bytes(4)))
    return unread + len(stream._unsent)


class ReplicaProcess:
    """One replica: a listening socket that stays, and the process that serves it now."""

    def __init__(self, folder, target, index, options):
        self.target = target
        self.path = str(folder / f"{target.partition(':')[2]}-{index}")
        self._options = json.dumps(options)
        self._environment = {**os.environ, "JUBAKO_TEST_FOLDER": str(folder)}
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(self.path)
        self._listening.listen(64)
        self.process = None
        self.said = ""

    def start(self):
        """Start the process, in place of the one before."""
        self.end()
        descriptor = self._listening.fileno()
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "replica_main.py"), str(descriptor), self.target, self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            pass_fds=[descriptor],
            text=True,
        )

    def wait_until_ready(self):
        """Wait for its first line."""
        self.said = self.process.stdout.readline().strip()
        return self.said == "ready"

    def sockets(self):
        """How many sockets it has; None where the system does not say."""
        if sys.platform != "linux":
            return None
        found = 0
        for descriptor in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found += str(descriptor.readlink()).startswith("socket:")
        return found

    def kill(self):
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self):
        """Let it end by itself, and return its exit code."""
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)

    def end(self):
        """Leave nothing of the process behind."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
            self.process.stdout.close()
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def close(self):
        self.end()
        self._listening.close()


class Replicas:
    """Replica processes of one test."""

    def __init__(self):
        # Not tmp_path: the path of a Unix socket has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="jubako-test-"))
        self._started = {}
        self._options = {}
        self._tasks = []
        self._backends = []

    def start(self, target, count=1, *, name=None, **options):
        """Start replicas, and return them when they serve or have said why not."""
        name = name or target.partition(":")[2]
        made = [ReplicaProcess(self.folder, target, index, options) for index in range(count)]
        self._started[name] = made
        self._options[name] = BatchOptions(**options)
        for replica in made:
            replica.start()
        for replica in made:
            replica.wait_until_ready()
        return made

    def channels(self, **others):
        return {
            name: RunnerChannels(tuple(replica.path for replica in made), self._options[name], **others)
            for name, made in self._started.items()
        }

    def make_backend(self, **others):
        """A backend that knows all that was started; stopped after the test. For others see `RunnerChannels`."""
        backend = ProcessBackend(self.channels(**others), compose(candidates=()))
        self._backends.append(backend)
        return backend

    async def serve(self, *runners):
        """Start a backend with runners, and return it."""
        backend = self.make_backend()
        await asyncio.wait_for(backend.start(runners), PATIENCE_S)
        # One connected replica is enough for a start; tests that send to several count on all of them.
        links = [link for remote in backend._runners.values() for link in remote._links]
        await until(lambda: all(link.is_connected for link in links), "the connection of every replica")
        return backend

    def keep_replacing(self, replica):
        """Do as a supervisor does: start a new process whenever this one has died."""

        async def keep():
            while True:
                await asyncio.to_thread(replica.process.wait)
                replica.start()

        self._tasks.append(asyncio.ensure_future(keep()))

    def close_gate(self):
        (self.folder / "closed").touch()

    def open_gate(self):
        (self.folder / "closed").unlink(missing_ok=True)

    def batches(self):
        """The first column of every batch that was begun."""
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in (self.folder / "batches").read_text().splitlines()]
        return []

    async def begun(self, count=1):
        """Wait until so many batches were begun."""
        await until(lambda: len(self.batches()) >= count, f"{count} batches")

    async def read(self):
        """Wait until the replicas have read all that the backends sent them, and a moment for them to act on it."""
        # What is sent soon is sent by now.
        await asyncio.sleep(0.05)
        links = [link for each in self._backends for remote in each._runners.values() for link in remote._links]
        await until(lambda: not any(map(unread_bytes, links)), "that everything was read")
        await asyncio.sleep(0.05)

    async def close(self):
        self.open_gate()
        for task in self._tasks:
            task.cancel()
        for backend in self._backends:
            await asyncio.wait_for(backend.stop(), PATIENCE_S)
        for made in self._started.values():
            for replica in made:
                replica.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shutil.rmtree(self.folder)


@pytest.fixture
async def replicas():
    """Replica processes; they end with the test."""
    made = Replicas()
    yield made
    await made.close()


@pytest.fixture(scope="session")
def replicas_class():
    return Replicas


@pytest.fixture(scope="session")
def crash_runners():
    """The module of runners, as the replicas import it."""
    spec = importlib.util.spec_from_file_location("crash_runners", HERE / "crash_runners.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def wait_until():
    return until
