"""The supervisor's processes: how they are started, what they say, and how their ends are heard of.

Only the main thread starts processes: Linux ties a process's parent-death signal to the thread that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from jubako.errors import CommandError
from jubako.serving.control import Began, Failed, Record, Stop
from jubako.serving.exits import Cause, cause_of_end
from jubako.serving.links import SupervisorLink
from jubako.serving.system import IS_LINUX, describe_end, holding_signals

_logger = logging.getLogger(__name__)

_Record = TypeVar("_Record", bound=Record)

# How long a process may live without its link.
_CLOSING_S = 5.0

# Ends that are remembered although nobody asked for them; more than replicas that can begin at the same moment.
_UNCLAIMED = 64


class ProcessEnded(CommandError):
    """A process ended, or said that it cannot start, while something was awaited of it."""


class StartTimeout(ProcessEnded):
    """A process was not ready in time; it is killed."""


class Reaper:
    """Waits for every process that has this one as its parent, orphans included; belongs to the supervisor's loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watched: dict[int, Callable[[int], None]] = {}
        self._unclaimed: dict[int, int] = {}

    def open(self) -> None:
        """Hear of ends from now on."""
        self._loop.add_signal_handler(signal.SIGCHLD, self.reap)

    def close(self) -> None:
        """Wait for what has ended, and hear of no further ends."""
        self.reap()
        self._loop.remove_signal_handler(signal.SIGCHLD)

    def watch(self, pid: int, ended: Callable[[int], None]) -> None:
        """Have `ended` called once with the status of a process; now, if it ended before its number was known."""
        if pid in self._unclaimed:
            ended(self._unclaimed.pop(pid))
        else:
            self._watched[pid] = ended

    def reap(self) -> None:
        """Take every end that is known to the system."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ended = self._watched.pop(pid, None)
            if ended is not None:
                ended(status)
                continue
            # An orphan of user code, waited for so that it does not stay in the process table; or a replica that had no
            # time to say its number before it died.
            self._unclaimed[pid] = status
            if len(self._unclaimed) > _UNCLAIMED:
                self._unclaimed.pop(next(iter(self._unclaimed)))


class Child:
    """One process and the link to it.

    Args:
        name: for people, such as `API worker 0`.
        connected: the supervisor's end of the link; owned by the child from now on.
        reaper: hears of its end.
        leads_group: True if it begins a process group of its own; what is left of that ends with it.

    Attributes:
        name: for people.
        pid: its number; None until it is known.
        ended: done when the process has ended, with its status; None if that is not known.
    """

    def __init__(self, name: str, connected: socket.socket, reaper: Reaper, *, leads_group: bool = False) -> None:
        self.name = name
        self.pid: int | None = None
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int | None] = self._loop.create_future()
        self._reaper = reaper
        self._hearers: list[Callable[[Record], None]] = []
        self._received: dict[type[Any], asyncio.Future[Any]] = {}
        self._failure: Failed | None = None
        self._is_own = False
        self._leads_group = leads_group
        self._wanted: Cause | None = None
        self.link = SupervisorLink(connected, self._take, self._link_ended)

    def runs_as(self, pid: int, *, is_own: bool = True) -> None:
        """Say which process it is.

        Args:
            pid: its number.
            is_own: True if it has the supervisor as its parent, or will have.
        """
        self.pid = pid
        self._is_own = is_own
        if is_own:
            self._reaper.watch(pid, self._end)

    def hear(self, receive: Callable[[Record], None]) -> None:
        """Have `receive` called with every record from now on."""
        self._hearers.append(receive)

    @property
    def cause(self) -> Cause:
        """Why it has ended; once it has."""
        return cause_of_end(self.ended.result(), self._wanted)

    async def expect(self, kind: type[_Record], within_s: float | None = None) -> _Record:
        """Wait for the first record of a kind.

        Args:
            kind: of the record.
            within_s: the setting `runners.start_timeout_s`; None waits for as long as the process lives.

        Raises:
            ProcessEnded: the process cannot start, and says why; or it ended before.
            StartTimeout: the time is over; the process is killed.
        """
        awaited: asyncio.Future[_Record] = self._future(kind)
        await asyncio.wait((awaited, self.ended), return_when=asyncio.FIRST_COMPLETED, timeout=within_s)
        if awaited.done():
            return awaited.result()
        if self.ended.done():
            raise self.reason()
        self.kill(Cause.START_TIMEOUT)
        raise StartTimeout(
            f"{self.name} was not ready within {within_s:g} s.",
            do="raise runners.start_timeout_s if it needs longer",
        )

    async def unless_ended(self, work: Coroutine[Any, Any, object]) -> None:
        """Wait for something else, but no longer than the process lives.

        Raises:
            ProcessEnded: see `expect`.
        """
        working = asyncio.ensure_future(work)
        try:
            await asyncio.wait((working, self.ended), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise self.reason()
        finally:
            working.cancel()

    def reason(self) -> ProcessEnded:
        """Why the process ended, as an error."""
        if self._failure is not None:
            return ProcessEnded(self._failure.message, why=self._failure.why, do=self._failure.do)
        status = self.ended.result() if self.ended.done() else None
        return ProcessEnded(f"{self.name} ended {describe_end(status)} before it was ready.")

    def stop(self) -> None:
        """Ask the process to end."""
        self._wanted = self._wanted or Cause.STOPPED
        self.link.send(Stop())

    def end_link(self) -> None:
        """Ask a process to end that takes the end of its link for that."""
        self._wanted = self._wanted or Cause.STOPPED
        self.link.close()

    def kill(self, cause: Cause = Cause.STOPPED) -> None:
        """End the process now, whatever it does; the first cause that is given holds."""
        self._wanted = self._wanted or cause
        if not self.ended.done() and self.pid is not None:
            # Not waited for yet, so that the number is still its own.
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._end(None)
        elif self.pid is None and not self.ended.done():
            # Forked just now, and not heard of: without a link it ends by itself.
            self._link_ended()

    async def end_within(self, seconds: float) -> bool:
        """Wait for the end, and kill the process when the time is up.

        Returns:
            True if the process ended by itself, with exit code 0 as far as that is known; anything else is logged.
        """
        await asyncio.wait((self.ended,), timeout=max(0.0, seconds))
        if not self.ended.done():
            _logger.warning("%s did not end in %g s and is killed", self.name, seconds)
            self.kill()
            await asyncio.wait((self.ended,))
            return False
        if self.ended.result():
            _logger.warning("%s ended %s", self.name, describe_end(self.ended.result()))
        return not self.ended.result()

    def _future(self, kind: type[Any]) -> asyncio.Future[Any]:
        return self._received.setdefault(kind, self._loop.create_future())

    def _take(self, record: Record) -> None:
        if isinstance(record, Began):
            # Forked by the zygote, and then left by it: Linux makes the supervisor its parent.
            self.runs_as(record.pid, is_own=IS_LINUX)
        elif isinstance(record, Failed):
            self._failure = record
        awaited = self._future(type(record))
        if not awaited.done():
            awaited.set_result(record)
        for hear in self._hearers:
            hear(record)

    def _link_ended(self) -> None:
        """The process is ending, or cannot be reached any more."""
        self.link.close()
        if self._is_own:
            # Its end is heard of when the interpreter has closed down; one that does not is of no use any more.
            self._loop.call_later(_CLOSING_S, self.kill)
        else:
            if self.pid is not None:
                self.kill()
            self._end(None)

    def _end(self, status: int | None) -> None:
        # Its last words may still be there.
        self.link.read_rest()
        self.link.close()
        if self._leads_group and self.pid is not None:
            # What user code has started and left behind.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        if not self.ended.done():
            self.ended.set_result(status)


def link_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends; the second is the process's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def spawn(
    module: str,
    child_end: socket.socket,
    inherited: Sequence[socket.socket] = (),
    environment: Mapping[str, str] | None = None,
) -> int:
    """Start `python -m module`, whose arguments are the numbers of the descriptors that it inherits.

    Args:
        module: an entry point of this package.
        child_end: its end of the link; closed here.
        inherited: further sockets; the caller keeps them.
        environment: added to that of this process.

    Returns:
        The process's number; a `Reaper` waits for it.
    """
    numbers = [each.fileno() for each in (child_end, *inherited)]
    # -P: modules of the working directory must not hide those of Python from the entry point.
    command = [sys.executable, "-P", "-m", module, *map(str, numbers)]
    with child_end, holding_signals():
        process = subprocess.Popen(
            command, pass_fds=numbers, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
        )
    # It is waited for elsewhere; Popen is not to try, nor to warn that nobody did.
    process.returncode = 0
    return process.pid
