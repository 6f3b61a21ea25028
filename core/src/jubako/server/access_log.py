"""`AccessLog`: one line a request, gathered and written every 100 ms by a thread of its own.

The event loop only appends to a list. No query strings, headers or bodies are written.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from typing import TextIO

from jubako.server.exchange import Exchange
from jubako.server.log_lines import LineFormat, clean, json_line, timestamp
from jubako.server.redaction import redact

_FLUSH_S = 0.1

# What the system writes to a pipe in one piece (PIPE_BUF on Linux), whoever else writes there.
_PIECE_BYTES = 4096

# A minute's worth, for a reader of stderr that does not read; then lines are dropped and counted.
_MAX_WAITING = 600
_CLOSE_WAIT_S = 1.0

_Entry = tuple[float, Exchange, float]


class AccessLog:
    """Collects requests on an event loop's thread and writes them to a stream.

    Args:
        stream: where the lines go, such as stderr; written by one thread, each 100 ms in one piece.
        line_format: text or JSON.
        role: of the process.
        slot: of the process.
        max_waiting: pieces of 100 ms that may wait to be written.
    """

    def __init__(
        self,
        stream: TextIO,
        line_format: LineFormat,
        role: str = "api",
        slot: int = 0,
        max_waiting: int = _MAX_WAITING,
    ) -> None:
        self._stream = stream
        self._line_format = line_format
        self._role = role
        self._slot = slot
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
            if exchange.traceparent:
                fields["traceparent"] = exchange.traceparent
            return json_line(fields)
        where = clean(path).replace(" ", "%20")
        line = (
            f"{timestamp(epoch_s)} {self._role}/{self._slot} {clean(exchange.method)} {where} {exchange.status}"
            f" {milliseconds:g}ms {exchange.sent_bytes}B {exchange.client or '-'} id={exchange.id}"
        )
        return f"{line} trace={exchange.traceparent}" if exchange.traceparent else line


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
