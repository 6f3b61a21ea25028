"""The zygote: a process that has imported what replicas need, and that they are forked from.

`python -m jubako.serving.zygote LINK`. It stays at one thread, holds no model and opens no device, so that a forked
process is as good as a new one and ready sooner. It leaves its replicas at once: on Linux the supervisor becomes their
parent, and they outlive the zygote.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import sys
import threading
import warnings

from jubako.plugins import Composition
from jubako.serving.control import Fork, Ready, WarmUp
from jubako.serving.logs import configure_logging
from jubako.serving.planning import compose_planned
from jubako.serving.replica_process import has_open_gpu, run_replica, start_afresh
from jubako.serving.system import (
    WORKER_MEMORY_POINTS,
    die_with_supervisor,
    leave_signals_to_supervisor,
    name_process,
    offer_memory,
    settle_memory,
)
from jubako.serving.wire import Decoder, encode

_logger = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
_DESCRIPTORS_A_FORK = 2


def main() -> None:
    """Fork replicas until the supervisor closes the link; in a replica, run it."""
    leave_signals_to_supervisor()
    link = socket.socket(fileno=int(sys.argv[1]))
    die_with_supervisor(link)
    offer_memory(WORKER_MEMORY_POINTS)
    name_process("jubako-zygote")
    zygote = Zygote(link)
    replica = zygote.serve()
    if replica is not None:
        if has_open_gpu():
            start_afresh(*replica)
        run_replica(*replica, composition=zygote.composition)


class Zygote:
    """Carries out the supervisor's orders one after the other.

    Args:
        link: to the supervisor.

    Attributes:
        composition: the plugins, once they are composed.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._decoder = Decoder()
        self._descriptors: list[int] = []
        self.composition: Composition | None = None

    def serve(self) -> tuple[socket.socket, socket.socket] | None:
        """Carry out orders until the link ends.

        Returns:
            None in the zygote; in a replica, which was forked inside, its link and the socket that it listens on.
        """
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._link, _READ_BYTES, _DESCRIPTORS_A_FORK)
            if not data:
                return None
            self._descriptors += descriptors
            for record in self._decoder.feed(data):
                if isinstance(record, WarmUp):
                    self._warm_up(record)
                elif isinstance(record, Fork):
                    sockets = self._take_sockets()
                    if _fork_away(sockets[0]):
                        self._link.close()
                        return sockets
                    for each in sockets:
                        each.close()

    def _warm_up(self, order: WarmUp) -> None:
        configure_logging(order.settings.server.logging.format, sys.stderr, "zygote", 0)
        self.composition = compose_planned(order.settings.plugins, order.plugins)
        for module in order.modules:
            # Whatever is wrong with it, the replica that needs it can say whose it is.
            with contextlib.suppress(Exception):
                importlib.import_module(module)
        settle_memory()
        self._link.sendall(encode(Ready()))

    def _take_sockets(self) -> tuple[socket.socket, socket.socket]:
        link, listening, *self._descriptors = self._descriptors
        return socket.socket(fileno=link), socket.socket(fileno=listening)


def _fork_away(link: socket.socket) -> bool:
    """Fork a process that has the supervisor as its parent; True in that process, False in this one.

    Args:
        link: from that process to the supervisor.
    """
    _join_threads()
    reading, writing = os.pipe()
    # The process between them ends at once, so that the system looks for another parent.
    middle = _fork()
    if middle == 0:
        if _fork() != 0:
            os._exit(0)
        os.close(writing)
        # The supervisor is the parent once the process between has been waited for; before that, asking the system to
        # end this one with its parent would end it too early.
        os.read(reading, 1)
        os.close(reading)
        die_with_supervisor(link)
        return True
    os.close(reading)
    os.waitpid(middle, 0)
    os.write(writing, b"x")
    os.close(writing)
    return False


def _fork() -> int:
    with warnings.catch_warnings():
        # From 3.12 on Python warns of threads; a native library that starts some in spite of OMP_NUM_THREADS=1 belongs
        # to a runner type with `can_fork=False`.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _join_threads() -> None:
    """Wait for what plugins started while they were loaded: a forked process would have their locks without them."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(1.0)


if __name__ == "__main__":
    main()
