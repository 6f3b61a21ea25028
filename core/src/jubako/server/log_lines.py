"""One event, one line: how log records and access lines look, as text for people and as JSON for machines.

A line names the request that it belongs to: in an API worker the one that is answered, in a replica those of the batch.

Control characters are escaped, so that nothing a client sends can forge a line or speak to a terminal; credentials are
hidden; lines are cut at 8 KiB.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import orjson

from jubako._origins import current_origins
from jubako.server.redaction import redact

LineFormat = Literal["text", "json"]

_TEXT_NAMES = {"request_id": "id", "request_ids": "ids", "traceparent": "trace", "traceparents": "traces"}

_LONGEST_TEXT = 8192
# Of a batch; as many ids as fit on a line that people read.
_MOST_REQUESTS = 32
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def choose_format(setting: str, stream: TextIO) -> LineFormat:
    """Return the format that is meant: `auto` is text on a terminal, JSON otherwise."""
    if setting == "text":
        return "text"
    if setting == "json":
        return "json"
    try:
        return "text" if stream.isatty() else "json"
    except (ValueError, io.UnsupportedOperation):  # closed, or no real stream
        return "json"


def clean(text: str) -> str:
    """Return the text with control characters and lone surrogates escaped, at most 8 KiB of it."""
    return _CONTROL.sub(_escape, text[:_LONGEST_TEXT])


def timestamp(epoch_s: float) -> str:
    """Return a time in UTC to the millisecond (RFC 3339)."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_line(fields: Mapping[str, Any]) -> str:
    """Return one event as a line of JSON, without the line's end; text values are made clean."""
    cleaned = {name: clean(value) if isinstance(value, str) else value for name, value in fields.items()}
    return orjson.dumps(cleaned).decode()


class LineFormatter(logging.Formatter):
    """Formats log records, with time, role, slot and the requests that are being worked for.

    Args:
        line_format: text or JSON.
        role: what the process is, such as `api`.
        slot: which of its role, from 0.
    """

    def __init__(self, line_format: LineFormat, role: str, slot: int) -> None:
        super().__init__()
        self._line_format = line_format
        self._role = role
        self._slot = slot

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; in text, a traceback follows on lines of its own, which are indented."""
        trace = _clean_lines(self.formatException(record.exc_info)) if record.exc_info else []
        message = redact(record.getMessage()[:_LONGEST_TEXT])
        if self._line_format == "json":
            fields: dict[str, Any] = {
                "time": timestamp(record.created),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": message,
                "role": self._role,
                "slot": self._slot,
            }
            fields.update(_requests())
            line = json_line(fields)
            # A traceback keeps its line ends, which JSON escapes by itself.
            return f"{line[:-1]},{orjson.dumps({'trace': chr(10).join(trace)}).decode()[1:]}" if trace else line
        line = (
            f"{timestamp(record.created)} {self._role}/{self._slot} {record.levelname} {record.name} {clean(message)}"
        )
        for name, value in _requests().items():
            line += f" {_TEXT_NAMES[name]}={value if isinstance(value, str) else ','.join(value)}"
        return "\n    ".join((line, *trace))


def _clean_lines(trace: str) -> list[str]:
    """The lines of a traceback; its end is kept, where the error stands, whose text may be a client's."""
    return [clean(line) for line in redact(trace[-_LONGEST_TEXT:]).split("\n")]


def _requests() -> Mapping[str, str | list[str]]:
    """The ids, and traces if there are any, of the requests that the line belongs to; singular names for a lone one."""
    origins = current_origins.get()
    if not origins:
        return {}
    ids = [clean(origin.request_id) for origin in origins[:_MOST_REQUESTS]]
    if len(origins) > _MOST_REQUESTS:
        ids.append(f"and {len(origins) - _MOST_REQUESTS} more")
    traces = [clean(origin.traceparent) for origin in origins[:_MOST_REQUESTS] if origin.traceparent]
    if len(origins) == 1:
        return {"request_id": ids[0]} | ({"traceparent": traces[0]} if traces else {})
    return {"request_ids": ids} | ({"traceparents": traces} if traces else {})


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape", "surrogatepass").decode("ascii")
