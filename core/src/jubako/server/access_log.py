"""`AccessLog`: one line a request, gathered and written every 100 ms by a thread of its own.

The event loop only appends to a list. No query strings or bodies are written, and of the headers only the type and
length of the bodies.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from jubako.server.exchange import Exchange
from jubako.server.log_lines import LineFormat, clean, json_line, timestamp
from jubako.server.redaction import redact
from jubako.settings import AccessLogSettings

_FLUSH_S = 0.1

# What the system writes to a pipe in one piece (PIPE_BUF on Linux), whoever else writes there.
_PIECE_BYTES = 4096

# A minute's worth, for a reader of stderr that does not read; then lines are dropped and counted.
_MAX_WAITING = 600
_CLOSE_WAIT_S = 1.0

# A boundary of a multipart body takes the most.
_LONGEST_TYPE = 200
_MOST_DIGITS = 18

_Entry = tuple[float, Exchange, float]


class AccessLog:
    """Collects requests on an event loop's thread and writes them to a stream.

    Args:
        stream: where the lines go, such as stderr; written by one thread, each 100 ms in one piece.
        line_format: text or JSON.
        role: of the process.
        slot: of the process.
        fields: what of the headers a line has.
        max_waiting: pieces of 100 ms that may wait to be written.
    """

    def __init__(
        self,
        stream: TextIO,
        line_format: LineFormat,
        role: str = "api",
        slot: int = 0,
        fields: AccessLogSettings = AccessLogSettings(),  # noqa: B008 - frozen
        max_waiting: int = _MAX_WAITING,
    ) -> None:
        self._stream = stream
        self._line_format = line_format
        self._role = role
        self._slot = slot
        self._of_request, self._of_answer = _readers(fields, "request"), _readers(fields, "response")
        self._gathered: list[_Entry] = []
        self._batches: queue.Queue[tuple[list[_Entry], int] | None] = queue.Queue(max_waiting)
        self._dropped = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writer: threading.Thread | None = None

    def request_finished(self, exchange: Exchange, duration_s: float) -> None:
        """Note a request; costs well under a microsecond, and starts a timer if none runs."""
        self._gathered.append((time.time(), exchange, duration_s))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_S, self.flush)

    def flush(self) -> None:
        """Hand what was gathered to the writing thread now; never waits."""
        self._timer = None
        gathered, self._gathered = self._gathered, []
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="jubako-access-log", daemon=True)
            self._writer.start()
        try:
            self._batches.put_nowait((gathered, self._dropped))
            self._dropped = 0
        except queue.Full:
            self._dropped += len(gathered)

    def close(self) -> None:
        """Write what was gathered and end the thread; waits for at most two seconds, should nobody read the stream."""
        if self._timer is not None:
            self._timer.cancel()
            self.flush()
        writer, self._writer = self._writer, None
        if writer is not None:
            # If nobody reads the stream, the lines are lost, as is the place to say so.
            with contextlib.suppress(queue.Full):
                self._batches.put(None, timeout=_CLOSE_WAIT_S)
                writer.join(_CLOSE_WAIT_S)

    def _write(self) -> None:
        while (batch := self._batches.get()) is not None:
            entries, dropped = batch
            lines = [self._line(*entry) for entry in entries]
            if dropped:
                lines.append(json_line({"event": "access_log_overflow", "dropped": dropped}))
            try:
                for piece in _pieces(lines):
                    self._stream.write(piece)
                    self._stream.flush()
            except (OSError, ValueError):
                return  # the stream is gone, and with it the place to complain

    def _line(self, epoch_s: float, exchange: Exchange, duration_s: float) -> str:
        path = exchange.raw_path.decode("latin-1") or exchange.path
        if not path.startswith("/"):
            path = redact(path)  # a whole URL, as for a proxy
        milliseconds = round(duration_s * 1000, 3)
        if self._line_format == "json":
            fields = {
                "time": timestamp(epoch_s),
                "level": "info",
                "event": "access",
                "method": exchange.method,
                "path": path,
                "status": exchange.status,
                "duration_ms": milliseconds,
                "bytes": exchange.sent_bytes,
                "client": exchange.client,
                "role": self._role,
                "slot": self._slot,
                "request_id": exchange.id,
            }
            fields.update(self._bodies(exchange))
            if exchange.traceparent:
                fields["traceparent"] = exchange.traceparent
            return json_line(fields)
        where = clean(path).replace(" ", "%20")
        line = (
            f"{timestamp(epoch_s)} {self._role}/{self._slot} {clean(exchange.method)} {where} {exchange.status}"
            f" {milliseconds:g}ms {exchange.sent_bytes}B {exchange.client or '-'} id={exchange.id}"
        )
        line += _as_text(self._bodies(exchange))
        return f"{line} trace={exchange.traceparent}" if exchange.traceparent else line

    def _bodies(self, exchange: Exchange) -> dict[str, Any]:
        """What the headers say of the bodies, as far as it is wanted and they do."""
        said: dict[str, Any] = {}
        if self._of_request:
            _read(exchange.headers, self._of_request, said)
        if self._of_answer:
            _read(dict(exchange.answer_headers), self._of_answer, said)
        return said


_Readers = tuple[tuple[str, bytes, Callable[[bytes], Any]], ...]


def _readers(wanted: AccessLogSettings, whose: str) -> _Readers:
    """The fields of a line that are wanted, each with its header and how that is read."""
    headers: _Readers = (("type", b"content-type", _type_of), ("length", b"content-length", _length_of))
    named = ((f"{whose}_content_{name}", header, read) for name, header, read in headers)
    return tuple(reader for reader in named if getattr(wanted, reader[0]))


def _read(headers: Mapping[bytes, bytes], readers: _Readers, said: dict[str, Any]) -> None:
    for name, header, read in readers:
        value = headers.get(header)
        if value is not None:
            said[name] = read(value)


# Most clients send one of a few; what is kept is bounded.
@functools.lru_cache(maxsize=64)
def _type_of(value: bytes) -> str:
    return clean(value[:_LONGEST_TYPE].decode("latin-1"))


def _length_of(value: bytes) -> int | None:
    # None if the server lets through what HTTP forbids.
    return int(value) if value.isdigit() and len(value) <= _MOST_DIGITS else None


def _as_text(said: Mapping[str, Any]) -> str:
    """The same for people, as ` request=text/plain,12B response=application/json,7B`."""
    text = ""
    for whose in ("request", "response"):
        kind, length = said.get(f"{whose}_content_type"), said.get(f"{whose}_content_length")
        if kind or length is not None:
            parts = [kind.replace(" ", "")] if kind else []
            text += f" {whose}={','.join(parts if length is None else [*parts, f'{length}B'])}"
    return text


def _pieces(lines: list[str]) -> Iterator[str]:
    """Join lines into pieces that no line of another process can get into."""
    joined: list[str] = []
    joined_bytes = 0
    for line in lines:
        line_bytes = len(line.encode("utf-8", "replace")) + 1
        if joined and joined_bytes + line_bytes > _PIECE_BYTES:
            yield "".join(joined)
            joined, joined_bytes = [], 0
        joined.append(f"{line}\n")
        joined_bytes += line_bytes
    if joined:
        yield "".join(joined)
