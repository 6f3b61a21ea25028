"""`FrameCount`: ends HTTP/2 connections that are busy with anything but requests and their bodies.

Each of a connection's frames costs some 30 µs to parse and answer, in the event loop that serves everybody. A client
can send them by the million: requests that it takes back at once (CVE-2023-44487), pings, settings, empty pieces of a
body (CVE-2019-9512, -9515, -9518). They are counted before they are parsed, from the nine bytes that each begins with.
"""

from __future__ import annotations

# RFC 9113, sections 3.4, 4.1 and 6.
_PREFACE_BYTES = 24
_HEADER_BYTES = 9
_DATA, _HEADERS, _RST_STREAM, _CONTINUATION = 0, 1, 3, 9
_END_STREAM, _END_HEADERS = 1, 4

# No client that asks for something comes near.
_ALLOWANCE = 1000.0
_REFILL_A_SECOND = 100.0

# What is reset was a request, and cost as much as one until then.
_PRICE_OF_RESET = 4

# Window updates come with what the client reads, usually one for 16 KiB or more; and a client may reset one request for
# each dozen of small answers.
_SENT_BYTES_A_FRAME = 256


class TooManyFrames(Exception):
    """The connection brings more frames than its requests explain."""


class FrameCount:
    """Counts the frames of one connection, in the order in which their bytes arrive.

    Requests and pieces of bodies are free: concurrent streams and the sizes of bodies bound them. Any other frame takes
    one from an allowance of 1,000, and a reset four; it grows back by 100 a second, and with what the client reads.

    Args:
        now_s: on a clock that only goes forward.
    """

    def __init__(self, now_s: float) -> None:
        self._allowance = _ALLOWANCE
        self._filled_s = now_s
        self._to_skip = _PREFACE_BYTES
        self._header = b""
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

    def _begin(self, header: bytes) -> None:
        size = int.from_bytes(header[:3], "big")
        kind, flags = header[3], header[4]
        self._to_skip = size
        if kind in (_HEADERS, _CONTINUATION):
            self._is_in_headers = not flags & _END_HEADERS
        if kind == _HEADERS or (kind == _DATA and (size or flags & _END_STREAM)):
            return
        self._allowance -= _PRICE_OF_RESET if kind == _RST_STREAM else 1
        if self._allowance < 0:
            raise TooManyFrames
