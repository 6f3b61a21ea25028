"""`Exchange`: what is known of one HTTP request and its answer, shared by the layers of the request path."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

# Where the layers find the exchange in an ASGI scope.
SCOPE_KEY = "jubako.exchange"

# Status in log and metrics of a request whose client went away; never sent.
CLIENT_LEFT = 499

# What stands for the method of a WebSocket, which has none in ASGI.
WEBSOCKET = "WEBSOCKET"

_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")

# W3C Trace Context, section 3.2.2; a later version may have more at the end.
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]{0,64})?")

# RFC 9112, section 3.2.2; the query has been cut off.
_ABSOLUTE_FORM = re.compile(rb"https?://([\x21-\x2e\x30-\x7e]+)(/[\x21-\x7e]*)?", re.IGNORECASE)


class Exchange:
    """One request and its answer; belongs to the event loop's thread.

    Not an attrs class: it is made once a request, and slots set by hand take a third of the time.

    Attributes:
        id: the request's id, from the client if it sent a sane one.
        method: upper case; `WEBSOCKET` for one.
        path: percent-encoding undone, without the root path.
        headers: names in lower case; of repeated ones the last.
        label: the API's name, a built-in endpoint's path or `other`; bounded, so that it can be a metric's label.
        started_s: on the clock of `time.monotonic()`.
        status: of the answer; 0 until it starts.
        sent_bytes: of the answer's body.
        answer_headers: as they were sent; empty until the answer starts.
        client: the peer's address, or empty.
        raw_path: percent-encoded, as it was sent, without the query.
        held_bytes: of its body and answer, counted by `HeldBytes`.
        traceparent: of the client's trace (W3C Trace Context), if it sent a sane one, or empty.
    """

    __slots__ = (
        "answer_headers",
        "client",
        "headers",
        "held_bytes",
        "id",
        "label",
        "method",
        "path",
        "raw_path",
        "sent_bytes",
        "started_s",
        "status",
        "traceparent",
    )

    def __init__(self, scope: dict[str, Any], path: str, label: str, started_s: float) -> None:
        self.id = ""
        self.method: str = scope.get("method", WEBSOCKET)
        self.path = path
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.label = label
        self.started_s = started_s
        self.status = 0
        self.sent_bytes = 0
        self.answer_headers: Iterable[tuple[bytes, bytes]] = ()
        self.held_bytes = 0
        client = scope.get("client")
        self.client: str = client[0] if client else ""
        self.raw_path: bytes = scope.get("raw_path") or b""
        self.traceparent = ""


class RequestIds:
    """Takes the client's request id if it is sane, else makes one that no other process makes."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(5)
        self._numbers = itertools.count(1)

    def take(self, offered: bytes | None) -> str:
        """Return the offered id if it is at most 128 letters, digits and `._:-`, else a new one."""
        if offered is not None and _SANE_ID.fullmatch(offered):
            return offered.decode("ascii")
        return f"{self._prefix}-{next(self._numbers):x}"


def sane_traceparent(offered: bytes | None) -> str:
    """Return what a client sent as `traceparent` if it is of the form that the W3C gives it, else nothing."""
    return offered.decode("ascii") if offered is not None and _TRACEPARENT.fullmatch(offered) else ""


def use_origin_form(scope: dict[str, Any]) -> None:
    """Change the scope of a request whose target is a whole URL, as proxies are sent, to what servers are sent.

    The URL's host takes the place of the Host header, which must be ignored then (RFC 9112, section 3.2.2). A target of
    another form, such as `*`, is left as it is.
    """
    raw_path: bytes = scope.get("raw_path") or b""
    match = _ABSOLUTE_FORM.fullmatch(raw_path)
    if match is not None:
        host, raw_path = match.groups()
        scope["raw_path"] = raw_path or b"/"
        scope["path"] = unquote(scope["raw_path"].decode("ascii"))
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        scope["headers"] = [(b"host", host), *others]


def path_below_root(scope: dict[str, Any]) -> str:
    """The request's path without the root path under which a proxy or another application mounts this one."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] or "/" if root and path.startswith(root) else path
