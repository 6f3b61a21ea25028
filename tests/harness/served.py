"""`jubako serve` in a process of its own, for every test that needs a whole server."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import http.client
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 60.0

# Of linux/prctl.h. Linux looks at the thread that started a process, so only the main one may ask for it.
_PR_SET_PDEATHSIG = 1


class Served:
    """`jubako serve` in a process of its own, on a port that is free.

    Args:
        folder: where it is started; its home is in there too.
        arguments: of the command.
        environment: added to a clean one.
    """

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("JUBAKO_")}
        self.folder = folder
        self.port = 0
        # Short, or sockets would not fit below it and stand elsewhere; one for all servers of a folder.
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        self.temporary = Path(tempfile.gettempdir()) / f"jt-{digest}"
        self.temporary.mkdir(exist_ok=True)
        if "PYTHONPATH" in environment and "PYTHONPATH" in clean:
            environment["PYTHONPATH"] += os.pathsep + clean["PYTHONPATH"]
        places = {"JUBAKO_HOME": str(folder / "home"), "JUBAKO_PLUGINS": "", "TMPDIR": str(self.temporary)}
        port = () if "--port" in arguments else ("--port", "0")
        # A session of its own, so that a signal to its whole group does not reach the tests.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jubako", "serve", *arguments, *port],
            cwd=folder,
            env={**clean, "XDG_RUNTIME_DIR": "", **places, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # One call of libc, which is loaded already: it waits for no lock that another thread may hold.
            preexec_fn=_end_with_tests(),  # noqa: PLW1509 - as said
        )
        self.lines: list[str] = []
        self._incoming: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line)
            self._incoming.put(line)
        self._incoming.put(None)

    @property
    def text(self) -> str:
        """What it has written to stderr."""
        return "".join(self.lines)

    def wait_for_line(self, pattern: str, within_s: float = PATIENCE_S) -> re.Match[str]:
        """Wait for a line that was not waited for before."""
        end = time.monotonic() + within_s
        with contextlib.suppress(queue.Empty):
            while (line := self._incoming.get(timeout=max(0.01, end - time.monotonic()))) is not None:
                if match := re.search(pattern, line):
                    return match
        raise AssertionError(f"no line matched {pattern!r} in:\n{self.text}")

    def wait_until_ready(self) -> int:
        """Wait for the address, and return its port."""
        line = self.wait_for_line(r"^Serving [\w.-]+ at http://[\w.]+:(\d+) \(Ctrl-C stops\)$")
        self.port = int(line.group(1))
        return self.port

    def wait_until(self, is_so: Callable[[], object], within_s: float = PATIENCE_S) -> None:
        """Look again and again until something is so."""
        end = time.monotonic() + within_s
        while not is_so():
            assert time.monotonic() < end, self.text
            time.sleep(0.005)

    def wait_until_begun(self) -> None:
        """Wait until the service has touched the file `begun`."""
        self.wait_until((self.folder / "begun").exists)

    def wait_until_refused(self) -> None:
        """Wait until no connection is taken any more."""

        def is_refused() -> bool:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                return True
            except ConnectionResetError:  # the socket was closed between the client's SYN and its answer
                pass
            return False

        self.wait_until(is_refused)

    def post(self, path: str, body: str, media_type: str = "text/plain", **headers: str) -> tuple[int, bytes]:
        """Ask on a connection of its own."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            connection.request("POST", path, body, {"content-type": media_type, **headers})
            response = connection.getresponse()
            return response.status, response.read()

    def get(self, path: str) -> tuple[int, bytes]:
        """Get on a connection of its own."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def ask(self, path: str, body: str, media_type: str = "text/plain") -> Asking:
        """Ask in a thread of its own."""
        return Asking(self, path, body, media_type)

    def stop(self) -> int:
        """Ask it to stop, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait for its end, and return the exit code."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def processes(self, name: str = "") -> list[int]:
        """Numbers of the processes of its session that live now and whose name begins so, without itself."""
        return [
            pid for pid in session_of(self.process.pid) if pid != self.process.pid and name_of(pid).startswith(name)
        ]

    def survivors(self) -> list[int]:
        """Those processes that still run, itself included; not the dead ones that nobody has waited for.

        Once the supervisor is killed, waiting for them is up to the system's first process, which takes its time.
        """
        return [pid for pid in session_of(self.process.pid) if not is_dead(pid)]

    def close(self) -> None:
        """End all of it."""
        for pid in session_of(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        self.process.stderr.close()


def heed_signals() -> None:
    """Make servers that are started from here heed SIGHUP and SIGINT, though the tests themselves ignore them.

    `nohup` starts them so, and shells what they run in the background.
    """
    for name, usual in (("SIGHUP", signal.SIG_DFL), ("SIGINT", signal.default_int_handler)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


def _end_with_tests() -> Callable[[], None] | None:
    """What a new process has to do so that it is killed when the tests are, for then nobody would stop it."""
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Asking(threading.Thread):
    """A request in a thread of its own."""

    def __init__(self, served: Served, *arguments: str) -> None:
        super().__init__(daemon=True)
        self._served = served
        self._arguments = arguments
        self._answer: tuple[int, bytes] | Exception | None = None
        self.start()

    def run(self) -> None:
        """Ask."""
        try:
            self._answer = self._served.post(*self._arguments)
        except Exception as error:
            self._answer = error

    def answered(self) -> tuple[int, bytes] | Exception | None:
        """Wait for status and body, or what went wrong."""
        self.join(PATIENCE_S)
        return self._answer


def session_of(leader: int) -> list[int]:
    """Numbers of the processes of a session that live, the dead ones that nobody has waited for included."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        # It may end at any moment.
        with contextlib.suppress(OSError, ValueError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader:
                found.append(int(folder.name))
    return sorted(found)


def is_dead(pid: int) -> bool:
    """Whether a process has ended, waited for or not."""
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    return True


def name_of(pid: int) -> str:
    """The name that a process has chosen; empty if it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
