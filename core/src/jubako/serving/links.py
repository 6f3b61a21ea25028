"""The control link between the supervisor and one process, from both ends; its end is the end of either.

The supervisor's end never blocks its loop. A process reads its own end in a thread, so that it hears of the
supervisor's end while user code keeps its main thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import logging
import os
import queue
import socket
import threading
from collections.abc import Callable, Sequence

from jubako.contracts.store import StoreKind
from jubako.errors import JubakoError, ServiceUnavailable
from jubako.serving.control import Pin, Pinned, Record
from jubako.serving.wire import Decoder, encode
from jubako.values.plan import PinnedTag

_logger = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
# A supervisor that is there answers within milliseconds.
_ANSWER_S = 30.0


class SupervisorLink:
    """The supervisor's end; belongs to its loop.

    Args:
        connected: one end of a socket pair; owned by the link from now on.
        receive: called with each record.
        ended: called once, when the other end is gone or talks nonsense.
    """

    def __init__(self, connected: socket.socket, receive: Callable[[Record], None], ended: Callable[[], None]) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._receive = receive
        self._ended = ended
        self._decoder = Decoder()
        self._loop = asyncio.get_running_loop()
        self._unsent: list[tuple[bytes, list[socket.socket]]] = []
        self._is_open = True
        self._loop.add_reader(connected, self._read)

    def send(self, record: Record, sockets: Sequence[socket.socket] = ()) -> None:
        """Send a record, now or when the other end has read more; one that is gone loses it.

        Args:
            record: what to say.
            sockets: the other end gets its own descriptors of them; they may be closed after the call.
        """
        if self._is_open:
            # Duplicates, for the record may have to wait.
            self._unsent.append((encode(record), [each.dup() for each in sockets]))
            if len(self._unsent) == 1:
                self._write()

    def close(self) -> None:
        """Close this end, which tells the other to stop at once; may be called twice."""
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            for _, sockets in self._unsent:
                _close_all(sockets)
            self._unsent.clear()
            self._socket.close()

    def read_rest(self) -> None:
        """Take what the other end, which is gone, said before it went."""
        while self._is_open and self._read():
            pass

    def _write(self) -> None:
        try:
            while self._unsent:
                data, sockets = self._unsent[0]
                sent = socket.send_fds(self._socket, [data], [each.fileno() for each in sockets])
                _close_all(sockets)
                if sent == len(data):
                    del self._unsent[0]
                else:
                    self._unsent[0] = (data[sent:], [])
            self._loop.remove_writer(self._socket)
        except BlockingIOError:
            self._loop.add_writer(self._socket, self._write)
        except OSError:
            self._end()

    def _read(self) -> bool:
        """Take some of what was sent; False if there was nothing."""
        try:
            data = self._socket.recv(_READ_BYTES)
            for record in self._decoder.feed(data):
                self._receive(record)
        except BlockingIOError:
            return False
        except (OSError, JubakoError, ValueError):
            data = b""
        if not data:
            self._end()
        return bool(data)

    def _end(self) -> None:
        if self._is_open:
            self.close()
            self._ended()


class ProcessLink:
    """A process's own end; usable from any thread. When the supervisor is gone the process ends at once.

    Args:
        connected: one end of a socket pair; owned by the link from now on.
    """

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(True)
        self._socket = connected
        self._sending = threading.Lock()
        self._waiting: queue.SimpleQueue[Record] = queue.SimpleQueue()
        self._delivery = threading.Lock()
        self._deliver: Callable[[Record], None] = self._waiting.put
        self._pid = os.getpid()
        self._numbers = itertools.count()
        self._pinned: dict[int, concurrent.futures.Future[PinnedTag]] = {}
        threading.Thread(target=self._read, name="jubako-link", daemon=True).start()

    def send(self, record: Record) -> None:
        """Send a record; blocks only while the supervisor reads nothing."""
        data = encode(record)
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError:
            # The reading thread hears of it too, and ends the process.
            pass

    def receive(self) -> Record:
        """Wait for the next record; not once `deliver_to` was called."""
        return self._waiting.get()

    def agree(self, kind: StoreKind, found: PinnedTag) -> PinnedTag:
        """Settle with all processes of the generation what a tag means; blocks until the supervisor has answered.

        Args:
            kind: of the store.
            found: what the tag means as far as this process can see.

        Returns:
            What holds. In a process that user code has forked, which nobody answers, that is what was found.

        Raises:
            ServiceUnavailable: the supervisor does not answer.
        """
        if os.getpid() != self._pid:
            return found
        number = next(self._numbers)
        answer: concurrent.futures.Future[PinnedTag] = concurrent.futures.Future()
        self._pinned[number] = answer
        try:
            self.send(Pin(number, kind.value, found))
            return answer.result(_ANSWER_S)
        except concurrent.futures.TimeoutError as error:
            raise ServiceUnavailable(
                f"the supervisor does not say what {kind.noun} {found.tag.name!r} means.",
                why=f"It has not answered for {_ANSWER_S:g} seconds.",
            ) from error
        finally:
            del self._pinned[number]

    def deliver_to(
        self,
        loop: asyncio.AbstractEventLoop,
        receive: Callable[[Record], None],
        overhear: Callable[[Record], None] | None = None,
    ) -> None:
        """From now on have every record, those that wait first, taken by `receive` on the event loop.

        Args:
            loop: the event loop.
            receive: called there.
            overhear: called with it before, in another thread, even while the loop is blocked.
        """

        def deliver(record: Record) -> None:
            if overhear is not None:
                overhear(record)
            # The loop may have ended already: then nobody cares.
            if not loop.is_closed():
                loop.call_soon_threadsafe(receive, record)

        with self._delivery:
            while not self._waiting.empty():
                deliver(self._waiting.get())
            self._deliver = deliver

    def _read(self) -> None:
        decoder = Decoder()
        try:
            while data := self._socket.recv(_READ_BYTES):
                for record in decoder.feed(data):
                    if isinstance(record, Pinned):
                        self._take_pinned(record)
                        continue
                    with self._delivery:
                        self._deliver(record)
        except OSError:
            pass  # as good as the end
        except Exception:
            _logger.exception("what came over the control link cannot be used")
        finally:
            # Whatever happened: without a supervisor nobody would ever stop this process.
            os._exit(1)

    def _take_pinned(self, answered: Pinned) -> None:
        answer = self._pinned.get(answered.number)
        # Nobody waits any more if it took too long.
        if answer is not None and not answer.done():
            answer.set_result(answered.pin)


def _close_all(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()
