"""Starting a server, asking it, and stopping it with everything that it started."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import Environment
from benchmarks.errors import BenchmarkError
from benchmarks.peer_settings import Configuration, Endpoint, Peer
from benchmarks.processes import has_ended, stop_tree
from benchmarks.workloads import Question, Workload, check_answer

HOST = "127.0.0.1"
_READY_WITHIN_S = 90.0
_STOPPED_WITHIN_S = 15.0
_ANSWERED_WITHIN_S = 10.0
_ASK_AGAIN_S = 0.02
_QUOTED_OF_LOG = 2000


@dataclass(frozen=True)
class RunningServer:
    """A server that has given its first right answer.

    Args:
        pid: of the process that was started.
        port: on the loopback.
        endpoint: of the workload that it was started for.
        ready_s: from its start to that answer.
    """

    pid: int
    port: int
    endpoint: Endpoint
    ready_s: float

    @property
    def url(self) -> str:
        """Where the workload is posted to."""
        return f"http://{HOST}:{self.port}{self.endpoint.path}"

    def check_answers(self, workload: Workload) -> None:
        """Ask every question once.

        Raises:
            BenchmarkError: an answer is not right.
        """
        for question in workload.questions:
            status, body = ask(self.port, self.endpoint, question)
            if status != http.client.OK:
                raise BenchmarkError(f"a request was answered with status {status}: {body[:200]!r}")
            check_answer(question, body)


@contextlib.contextmanager
def serving(
    peer: Peer, configuration: Configuration, environment: Environment, workload: Workload, log: Path
) -> Iterator[RunningServer]:
    """Run a server for one workload until the block ends, whatever ends it.

    Args:
        peer: whose server.
        configuration: which of its commands.
        environment: opened for this peer.
        workload: one of the configuration's.
        log: the file that gets what the server prints; removed if the block ends well.

    Raises:
        BenchmarkError: it ended, gave a wrong answer or took too long to be ready; the end of its log is quoted.
    """
    port = _find_free_port()
    endpoint = configuration.workloads[workload.name]
    command = environment.fill(configuration.command, **endpoint.values, host=HOST, port=str(port))
    begin = time.monotonic()
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=peer.folder,
            env=environment.variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for_answer(server, port, endpoint, workload.questions[0], log)
        yield RunningServer(server.pid, port, endpoint, time.monotonic() - begin)
    finally:
        stop_tree(server, _STOPPED_WITHIN_S)
    log.unlink()


def ask(port: int, endpoint: Endpoint, question: Question) -> tuple[int, bytes]:
    """Status and body of the answer to one question, over a connection of its own.

    Raises:
        OSError: nobody listens, or the connection broke.
        http.client.HTTPException: the answer is not HTTP.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWERED_WITHIN_S)
    try:
        headers = {"content-type": "application/json"}
        connection.request("POST", endpoint.path, endpoint.fill(question.row), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _wait_for_answer(
    server: subprocess.Popen[bytes], port: int, endpoint: Endpoint, question: Question, log: Path
) -> None:
    """Ask until the answer is right; while a server starts it may refuse, but not answer wrongly."""
    end = time.monotonic() + _READY_WITHIN_S
    seen = "nobody listened"
    while time.monotonic() < end:
        if has_ended(server):
            raise BenchmarkError(f"it ended before it was ready:\n{_quote(log)}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, body = ask(port, endpoint, question)
            if status == http.client.OK:
                check_answer(question, body)
                return
            seen = f"the last answer was {status}: {body[:200]!r}"
        time.sleep(_ASK_AGAIN_S)
    raise BenchmarkError(f"it was not ready within {_READY_WITHIN_S:g} s; {seen}\n{_quote(log)}")


def _quote(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-_QUOTED_OF_LOG:].strip()


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
