"""The replica's end of the channel: `ReplicaServer` serves one runner to every API worker that connects."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from jubako.backends.process.answer_codec import AnswerCodec
from jubako.backends.process.call_codec import CallCodec
from jubako.backends.process.stream import is_peer_of_same_user
from jubako.backends.process.watchdog import Watchdog
from jubako.backends.process.worker_connection import WorkerConnection
from jubako.backends.replica import Replica
from jubako.payloads import PayloadTable
from jubako.plugins import Composition
from jubako.runners.runner import RunnerDefinition
from jubako.values.placement import Placement
from jubako.values.resources import BatchOptions

_log = logging.getLogger("jubako.backends")

# Connections taken in one turn of the loop.
_ACCEPTS_A_TURN = 16
# When the process has no more file descriptors, looking again at once would only burn a processor.
_ACCEPT_AGAIN_S = 1.0


class ReplicaServer:
    """One replica as a server: loads the model, then answers the calls of all API workers that connect.

    A connection costs nothing but itself: what ends one leaves the others alone.

    Args:
        runner: the object that is loaded; its process has no other.
        options: how its calls are joined, as they are in force.
        placement: its share of the machine.
        composition: where payload types and the batch policy come from.
        grace_s: how long a batch may go on when every one of its calls is past its deadline; then the process ends.
    """

    def __init__(
        self,
        runner: RunnerDefinition,
        *,
        options: BatchOptions,
        placement: Placement,
        composition: Composition,
        grace_s: float = 5.0,
    ) -> None:
        self._runner = runner
        self._options = options
        self._placement = placement
        self._composition = composition
        self._grace_s = grace_s
        self._connections: set[WorkerConnection] = set()
        self._progress = asyncio.Event()

    async def serve(
        self, listening: socket.socket, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None
    ) -> None:
        """Load the model, serve until `stop` is set, answer what is here by then, and close the model.

        API workers stop sending before their replicas are stopped; a call that comes later than that is answered, too.

        Args:
            listening: a Unix stream socket that listens; not closed, for it outlives this process.
            stop: set on this loop.
            on_ready: called once the model is loaded and connections are taken.

        Raises:
            RunnerFailed: the model cannot be loaded; an error of Jubako that `_setup` raises passes as it is.
        """
        loop = asyncio.get_running_loop()
        table = PayloadTable(self._composition)
        replica = Replica(self._runner, self._options, self._composition, table)
        closing = contextlib.ExitStack()
        try:
            if not await _unless_stopped(replica.set_up(self._placement), stop):
                return
            replica.when_progress(self._progress.set)
            watchdog = Watchdog(self._runner.name, lambda: replica.running_until_s, self._grace_s)
            replica.when_begun(watchdog.begun)
            closing.callback(watchdog.stop)
            listening.setblocking(False)
            accept = _Accepting(loop, listening, lambda connection: self._take(connection, replica, table))
            on_ready()
            await stop.wait()
            accept.stop()
            while not replica.is_idle:
                self._progress.clear()
                await self._progress.wait()
            for connection in list(self._connections):
                await connection.flushed()
        finally:
            closing.close()
            for connection in list(self._connections):
                connection.close()
            await replica.shut_down()

    def _take(self, connection: socket.socket, replica: Replica, table: PayloadTable) -> None:
        if not is_peer_of_same_user(connection):
            _log.warning("a process of another user than %d was refused by runner %r", os.geteuid(), self._runner.name)
            connection.close()
            return
        name = self._runner.name
        self._connections.add(
            WorkerConnection(
                asyncio.get_running_loop(),
                connection,
                runner_name=name,
                lanes=replica.lanes,
                calls=CallCodec(name, replica.specs, table),
                answers=AnswerCodec(name, table),
                on_progress=self._progress.set,
                on_closed=self._connections.discard,
            )
        )


class _Accepting:
    """Takes connections off a listening socket as they come."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listening: socket.socket, take: Callable[[socket.socket], None]
    ) -> None:
        self._loop = loop
        self._listening = listening
        self._take = take
        self._again: asyncio.TimerHandle | None = None
        self._start()

    def stop(self) -> None:
        """Leave what comes now to others that have the socket."""
        self._loop.remove_reader(self._listening.fileno())
        if self._again is not None:
            self._again.cancel()

    def _start(self) -> None:
        self._again = None
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_A_TURN):
            try:
                connection, _address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                _log.exception("a replica cannot take a connection")
                self._loop.remove_reader(self._listening.fileno())
                self._again = self._loop.call_later(_ACCEPT_AGAIN_S, self._start)
                return
            connection.setblocking(False)
            self._take(connection)


async def _unless_stopped(setting_up: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Await the set-up; False if `stop` came before its end, which then is not waited for."""
    loading = asyncio.ensure_future(setting_up)
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait((loading, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if loading.done():
        await loading
        return True
    loading.cancel()
    return False
