"""A client that sends what it is told, byte by byte, and says what came back."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

PATIENCE_S = 60.0


@attrs.frozen
class Answer:
    """What came back on one connection.

    Args:
        raw: all of it.
        status: of the first answer; 0 if there was none.
        headers: of it, lower-case; of repeated ones the last.
        body: everything after them.
    """

    raw: bytes = attrs.field(repr=False)
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def count(self) -> int:
        """How many answers came."""
        return len(re.findall(rb"HTTP/1\.1 \d{3}", self.raw))


def ask(
    port: int,
    path: str,
    body: bytes | None = None,
    *,
    method: str = "",
    headers: Mapping[str, str] | None = None,
    address: str = "127.0.0.1",
) -> Answer:
    """Send one request on a connection of its own.

    Args:
        port: of the server.
        path: as it is sent.
        body: None sends none, and asks with GET.
        method: another one than GET or POST.
        headers: further ones, or others than `host`, `connection` and `content-length`; an empty value leaves one out.
        address: where the server listens.
    """
    lines = {"host": f"127.0.0.1:{port}", "connection": "close"}
    if body is not None:
        lines |= {"content-type": "application/json", "content-length": str(len(body))}
    lines |= headers or {}
    head = f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return send(port, head.encode("latin-1") + b"\r\n", (body or b"",), address=address)


def send(port: int, head: bytes, pieces: Iterable[bytes] = (), *, address: str = "127.0.0.1") -> Answer:
    """Send bytes, piece by piece while the server takes them, and read until it closes."""
    received = bytearray()
    with contextlib.closing(socket.create_connection((address, port), timeout=PATIENCE_S)) as connection:
        # The server may answer and close before it has read everything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(head)
            for piece in pieces:
                connection.sendall(piece)
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(65536):
                received += data
    return parse(bytes(received))


def parse(raw: bytes) -> Answer:
    """Take an answer apart."""
    if not raw.startswith(b"HTTP/1.1 "):
        return Answer(raw, 0, {}, raw)
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(raw, int(first.split()[1]), headers, body)
