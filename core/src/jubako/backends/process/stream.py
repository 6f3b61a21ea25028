"""`FrameStream`: frames over a connected socket on an event loop, without ever blocking it."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from jubako.backends.process.frames import Buffer, Frame, FrameReader, InvalidFrame

# Pieces that one system call takes; Linux allows 1024.
_MAX_PIECES = 512
# System calls in one turn of the loop; a socket holds about 200 KiB, so that one turn moves a megabyte or two.
_CALLS_A_TURN = 8

ENDED = "it ended"
"""The reason that is told when the other process closed the connection, or is gone."""


class FrameStream:
    """Sends and receives frames; large buffers go from and to their own memory, without a copy in between.

    Belongs to one loop. What is sent leaves at once if the socket takes it, and else as it does, in order. Buffers that
    were given to `send` must not change until they have left.

    Args:
        loop: where it lives.
        connection: connected, non-blocking; owned from now on.
        on_frame: gets each frame, on the loop. What it raises ends the connection.
        on_end: told once, with the reason, that the connection ended by anything but `close`; never from inside `send`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        on_frame: Callable[[Frame], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._on_frame = on_frame
        self._on_end = on_end
        self._reader = FrameReader()
        self._unsent: deque[Buffer] = deque()
        self._is_open = True
        self._is_writer_set = False
        self._on_flushed: asyncio.Future[None] | None = None
        loop.add_reader(connection.fileno(), self._read)

    def send(self, pieces: Sequence[Buffer]) -> None:
        """Send what `encode_frame` made; nothing happens once the connection has ended."""
        if not self._is_open:
            return
        self._unsent.extend(piece for piece in pieces if piece)
        if not self._is_writer_set:
            self._write()

    async def flushed(self) -> None:
        """Wait until everything has left, or the connection has ended."""
        while self._unsent:
            self._on_flushed = self._loop.create_future()
            await self._on_flushed

    def close(self) -> None:
        """End the connection; what has not left is dropped. May be called twice."""
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._connection.fileno())
            if self._is_writer_set:
                self._loop.remove_writer(self._connection.fileno())
            self._unsent.clear()
            self._connection.close()
            self._note_flushed()

    def _end(self, reason: str) -> None:
        if self._is_open:
            self.close()
            # Later, so that no sender hears of the end in the middle of what it does.
            self._loop.call_soon(self._on_end, reason)

    def _read(self) -> None:
        try:
            for _ in range(_CALLS_A_TURN):
                space = self._reader.space()
                count = self._connection.recv_into(space)
                if count == 0:
                    self._end(ENDED if self._reader.is_between_frames else "it ended within a frame")
                    return
                for frame in self._reader.received(count):
                    self._on_frame(frame)
                    if not self._is_open:
                        return
                if count < len(space):
                    return
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            self._end(ENDED)
        except OSError as error:
            self._end(str(error))
        except InvalidFrame as error:
            self._end(error.message)
        # What a peer can send that we do not understand is more than can be listed; it costs this connection only.
        except Exception as error:  # noqa: BLE001  # named in the reason, which the owner logs
            self._end(f"a frame was not understood: {type(error).__name__}: {error}")

    def _write(self) -> None:
        try:
            for _ in range(_CALLS_A_TURN):
                if not self._unsent:
                    break
                self._send_some()
        except (BlockingIOError, InterruptedError):
            pass
        except ConnectionError:
            self._end(ENDED)
            return
        except OSError as error:
            self._end(str(error))
            return
        self._watch(bool(self._unsent))
        self._note_flushed()

    def _note_flushed(self) -> None:
        if not self._unsent and self._on_flushed is not None and not self._on_flushed.done():
            self._on_flushed.set_result(None)

    def _send_some(self) -> None:
        unsent = self._unsent
        if len(unsent) == 1:
            sent = self._connection.send(unsent[0])
        else:
            sent = self._connection.sendmsg(list(islice(unsent, _MAX_PIECES)))
        while unsent and sent >= len(unsent[0]):
            sent -= len(unsent.popleft())
        if sent:
            unsent[0] = memoryview(unsent[0])[sent:]

    def _watch(self, is_wanted: bool) -> None:
        if is_wanted != self._is_writer_set:
            self._is_writer_set = is_wanted
            if is_wanted:
                self._loop.add_writer(self._connection.fileno(), self._write)
            else:
                self._loop.remove_writer(self._connection.fileno())


def is_peer_of_same_user(connection: socket.socket) -> bool:
    """True if the process at the other end runs as our user; where the system does not tell, the folder's mode must do.

    For the end that connected, the other one is the process that listens first of all, not the one that accepts.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user_id, _ = struct.unpack("3i", credentials)
    return bool(user_id == os.geteuid())
