"""Frames: how one message lies in bytes. Pure: nothing here reads, writes or waits.

    header   16 bytes  magic `JBK1`, version, type, two bytes of zeros, length of meta, number of buffers
    meta               JSON
    lengths            eight bytes a buffer
    buffers            each begins at a multiple of 16 bytes after the lengths, so that arrays are aligned

All numbers are little-endian. What a reader allocates is bounded before it is allocated, and is touched only as bytes
arrive: a header that promises a gigabyte costs address space, not memory.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from jubako.errors import JubakoError
from jubako.values.resources import MIB

Buffer = bytes | bytearray | memoryview

MAX_META_BYTES = 16 * MIB
MAX_FRAME_BYTES = 1024 * MIB
MAX_BUFFERS = 65536
# Buffers up to this size are copied together; copying more costs more than another entry of the scatter list.
JOINED_BYTES = 64 * 1024

_MAGIC = b"JBK1"
_VERSION = 1
_HEADER = struct.Struct("<4sBBHII")
_ALIGNMENT = 16
# What arrives in one system call is parsed where it lies; what is longer than a quarter of it gets its own memory.
_SCRATCH_BYTES = 256 * 1024


class InvalidFrame(JubakoError):
    """Bytes that are no frame; what sent them is not understood any more, and its connection ends."""


class FrameTooLarge(JubakoError):
    """A message exceeds what one frame may hold; nothing was sent."""


class FrameType(enum.IntEnum):
    """What a frame says; see `codec` for what each holds."""

    HELLO = 1
    WELCOME = 2
    CALLS = 3
    WITHDRAW = 4
    STARTED = 5
    CREDIT = 6
    ANSWERS = 7
    COST = 8
    BATCH = 9
    PING = 10


_TYPES = {int(kind): kind for kind in FrameType}


class Frame(NamedTuple):
    """One message.

    Args:
        kind: what it says.
        meta: JSON-like.
        buffers: memory of the frame's own; writable.
    """

    kind: FrameType
    meta: Any
    buffers: Sequence[Buffer] = ()


def encode_frame(kind: FrameType, meta: Any, buffers: Sequence[Any] = ()) -> list[Buffer]:
    """Lay a message out in pieces to be written one after the other.

    Args:
        kind: what it says.
        meta: JSON-like.
        buffers: contiguous; those above 64 KiB are pieces of the result as they are, not copied.

    Raises:
        FrameTooLarge: it exceeds a cap.
    """
    body = orjson.dumps(meta)
    views = [_flat(buffer) for buffer in buffers]
    sizes = [len(view) for view in views]
    if len(body) > MAX_META_BYTES or len(views) > MAX_BUFFERS or _laid_out_bytes(sizes) > MAX_FRAME_BYTES:
        raise FrameTooLarge(
            f"a message of {len(body) + sum(sizes)} bytes in {len(views)} buffers cannot be sent to another process.",
            why=f"It may have {MAX_FRAME_BYTES} bytes, of which {MAX_META_BYTES} are no raw data, and "
            f"{MAX_BUFFERS} buffers.",
            do="send less in one call",
        )
    pieces: list[Buffer] = []
    small: list[Buffer] = [_HEADER.pack(_MAGIC, _VERSION, kind, 0, len(body), len(views)), body]
    if sizes:
        small.append(struct.pack(f"<{len(sizes)}Q", *sizes))
    for view, size in zip(views, sizes, strict=True):
        if size > JOINED_BYTES:
            pieces += [b"".join(small), view]
            small = [bytes(-size % _ALIGNMENT)]
        else:
            small += [view, bytes(-size % _ALIGNMENT)]
    pieces.append(b"".join(small))
    return pieces


def _flat(buffer: Any) -> Buffer:
    if isinstance(buffer, bytes | bytearray):
        return buffer
    view = memoryview(buffer)
    # A view with a zero in its shape cannot be cast.
    return view.cast("B") if view.nbytes else b""


def _laid_out_bytes(sizes: Sequence[int]) -> int:
    return sum(size + -size % _ALIGNMENT for size in sizes)


class FrameReader:
    """Makes frames of bytes as they arrive.

    Fill `space()`, say how much to `received()`, and so on. After an error the reader is of no use any more.
    """

    def __init__(self) -> None:
        self._scratch = memoryview(bytearray(_SCRATCH_BYTES))
        self._start = 0
        self._end = 0
        self._own: memoryview | None = None
        self._own_filled = 0
        self._wanted = _HEADER.size
        self._take: Callable[[memoryview], Frame | None] = self._take_header
        self._kind = FrameType.PING
        self._meta: Any = None
        self._meta_bytes = 0
        self._buffer_count = 0
        self._sizes: tuple[int, ...] = ()

    @property
    def is_between_frames(self) -> bool:
        """True if every byte so far belongs to a whole frame."""
        return self._own is None and self._start == self._end and self._take == self._take_header

    def space(self) -> memoryview:
        """Where the next bytes go; never empty."""
        if self._own is not None:
            return self._own[self._own_filled :]
        return self._scratch[self._end :]

    def received(self, count: int) -> list[Frame]:
        """Take note that the first `count` bytes of `space()` were filled, and return the frames that are whole now.

        Raises:
            InvalidFrame: the bytes are no frame, or exceed a cap.
        """
        frames: list[Frame] = []
        if self._own is not None:
            self._own_filled += count
            if self._own_filled < len(self._own):
                return frames
            own, self._own = self._own, None
            self._add(self._take(own), frames)
        else:
            self._end += count
        while self._end - self._start >= self._wanted:
            part = self._scratch[self._start : self._start + self._wanted]
            self._start += self._wanted
            self._add(self._take(part), frames)
        self._make_space()
        return frames

    def _add(self, frame: Frame | None, frames: list[Frame]) -> None:
        if frame is not None:
            frames.append(frame)

    def _make_space(self) -> None:
        present = self._end - self._start
        if self._wanted > _SCRATCH_BYTES // 4:
            self._own = _memory(self._wanted)
            self._own[:present] = self._scratch[self._start : self._end]
            self._own_filled = present
            self._start = self._end = 0
        elif present == 0:
            self._start = self._end = 0
        elif self._start > _SCRATCH_BYTES // 2:
            self._scratch[:present] = self._scratch[self._start : self._end]
            self._start, self._end = 0, present

    def _take_header(self, part: memoryview) -> Frame | None:
        magic, version, kind, zeros, meta_bytes, buffer_count = _HEADER.unpack(part)
        if magic != _MAGIC or version != _VERSION or zeros or kind not in _TYPES:
            raise InvalidFrame(f"{part.tobytes()!r} begins no frame of version {_VERSION}.")
        if meta_bytes > MAX_META_BYTES or buffer_count > MAX_BUFFERS:
            raise InvalidFrame(f"a frame of {meta_bytes} bytes of meta and {buffer_count} buffers is too large.")
        self._kind = _TYPES[kind]
        self._meta_bytes = meta_bytes
        self._buffer_count = buffer_count
        self._wanted = meta_bytes + 8 * buffer_count
        self._take = self._take_meta
        return None

    def _take_meta(self, part: memoryview) -> Frame | None:
        try:
            meta = orjson.loads(part[: self._meta_bytes])
        except orjson.JSONDecodeError as error:
            raise InvalidFrame("the meta of a frame is not JSON.", why=f"{error}.") from error
        if not self._buffer_count:
            return self._finish(Frame(self._kind, meta))
        self._meta = meta
        self._sizes = struct.unpack(f"<{self._buffer_count}Q", part[self._meta_bytes :])
        body_bytes = _laid_out_bytes(self._sizes)
        if body_bytes > MAX_FRAME_BYTES:
            raise InvalidFrame(f"a frame of {body_bytes} bytes is too large.")
        self._wanted = body_bytes
        self._take = self._take_body
        return None

    def _take_body(self, part: memoryview) -> Frame | None:
        body = part
        if part.obj is self._scratch.obj:
            # The scratch is written again; arrays and other values are made on memory that stays.
            body = _memory(len(part))
            body[:] = part
        buffers = []
        start = 0
        for size in self._sizes:
            buffers.append(body[start : start + size])
            start += size + -size % _ALIGNMENT
        return self._finish(Frame(self._kind, self._meta, buffers))

    def _finish(self, frame: Frame) -> Frame:
        self._meta = None
        self._sizes = ()
        self._wanted = _HEADER.size
        self._take = self._take_header
        return frame


def _memory(size: int) -> memoryview:
    # Not a bytearray: that writes zeros first, which for 16 MiB takes milliseconds of the loop and all of the memory.
    return np.empty(size, np.uint8).data
