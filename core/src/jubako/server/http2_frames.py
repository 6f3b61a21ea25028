"""`FrameCount`: ends HTTP/2 connections that are busy with anything but requests and their bodies.

Each of a connection's frames costs some 30 µs to parse and answer, in the event loop that serves everybody. A client
can send them by the million: requests that it takes back at once (CVE-2023-44487), pings, settings, empty pieces of a
body (CVE-2019-9512, -9515, -9518). They are counted before they are parsed, from the nine bytes that each begins with.
"""

from __future__ import annotations

from collections.abc import Container

# RFC 9113, sections 3.4, 4.1 and 6.
_PREFACE_BYTES = 24
_HEADER_BYTES = 9
_DATA, _HEADERS, _RST_STREAM, _CONTINUATION = 0, 1, 3, 9
_END_STREAM, _END_HEADERS, _PADDED = 1, 4, 8
_STREAM_BITS = 0x7FFFFFFF

# No client that asks for something comes near.
_ALLOWANCE = 1000.0
_REFILL_A_SECOND = 100.0

# What is reset was a request, and cost as much as one until then.
_PRICE_OF_RESET = 4

# A piece of a body may be all padding up to here: a byte says how much of it there is.
_MOST_PADDING_BYTES = 256

# What still comes of a body that was answered, or refused, is in flight in large pieces, and nothing else bounds it.
_SMALL_PIECE_BYTES = 1024

# Window updates come with what the client reads, usually one for 16 KiB or more; and a client may reset one request for
# each dozen of small answers.
_SENT_BYTES_A_FRAME = 256


class TooManyFrames(Exception):
    """The connection brings more frames than its requests explain."""


class FrameCount:
    """Counts the frames of one connection, in the order in which their bytes arrive.

    Requests and pieces of bodies are free: concurrent streams and the sizes of bodies bound them. Any other frame takes
    one from an allowance of 1,000, and a reset four; it grows back by 100 a second, and with what the client reads.
    A piece of a body is such another frame if it may be nothing but padding, or is small and of a stream that is over.

    Args:
        now_s: on a clock that only goes forward.
        open_streams: the numbers of those that are not over; looked at, never changed.
    """

    def __init__(self, now_s: float, open_streams: Container[int]) -> None:
        self._open_streams = open_streams
        self._newest_stream = 0
        # Of which the headers were whole when the last bytes came: newer ones are open without being known as such.
        self._newest_parsed_stream = 0
        self._allowance = _ALLOWANCE
        self._filled_s = now_s
        self._to_skip = _PREFACE_BYTES
        self._header = b""
        self._kind = 0
        self._is_in_headers = False

    @property
    def is_amid_headers(self) -> bool:
        """True if a frame, or a request's block of headers, has begun and is not whole."""
        return self._is_in_headers or self._to_skip > 0 or bool(self._header)

    @property
    def left_bytes(self) -> int:
        """How many bytes the frame that has begun still needs; 0 between frames."""
        return self._to_skip

    def add(self, data: bytes, now_s: float, sent_bytes: int) -> None:
        """Count what begins in these bytes.

        Args:
            data: the bytes that came next.
            now_s: as above.
            sent_bytes: to the client since the last call.

        Raises:
            TooManyFrames: the connection is to be closed.
        """
        earned = (now_s - self._filled_s) * _REFILL_A_SECOND + sent_bytes / _SENT_BYTES_A_FRAME
        self._allowance = min(_ALLOWANCE, self._allowance + earned)
        self._filled_s = now_s
        at, end = 0, len(data)
        while at < end:
            if self._to_skip:
                skipped = min(self._to_skip, end - at)
                self._to_skip -= skipped
                at += skipped
                continue
            wanted = _HEADER_BYTES - len(self._header)
            self._header += data[at : at + wanted]
            at += wanted
            if len(self._header) == _HEADER_BYTES:
                self._begin(self._header)
                self._header = b""
        if not self._is_in_headers and not (self._to_skip and self._kind in (_HEADERS, _CONTINUATION)):
            self._newest_parsed_stream = self._newest_stream

    def _begin(self, header: bytes) -> None:
        size = int.from_bytes(header[:3], "big")
        self._kind = kind = header[3]
        flags = header[4]
        stream_id = int.from_bytes(header[5:], "big") & _STREAM_BITS
        self._to_skip = size
        if kind in (_HEADERS, _CONTINUATION):
            self._is_in_headers = not flags & _END_HEADERS
        if kind == _HEADERS:
            self._newest_stream = max(self._newest_stream, stream_id)
        elif kind != _DATA or self._is_idle_data(size, flags, stream_id):
            self._allowance -= _PRICE_OF_RESET if kind == _RST_STREAM else 1
            if self._allowance < 0:
                raise TooManyFrames

    def _is_idle_data(self, size: int, flags: int, stream_id: int) -> bool:
        if stream_id <= self._newest_parsed_stream and stream_id not in self._open_streams:
            return size < _SMALL_PIECE_BYTES
        return not flags & _END_STREAM and (size == 0 or (bool(flags & _PADDED) and size <= _MOST_PADDING_BYTES))
