"""What a request must be before anything of it is used: its framing, its Host, the size and pace of its body."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

from jubako.contracts.http_server import ASGIReceive
from jubako.errors import BadInput, PayloadTooLarge, UnsupportedMediaType
from jubako.server.exchange import Exchange
from jubako.server.held_bytes import HeldBytes
from jubako.server.problems import Problem, problem_of_status
from jubako.settings import ServerSettings

_SECONDS = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")

_OTHER_HOST = problem_of_status(
    421, "The Host header names another server. Do: add the name to server.allowed_hosts if it is meant."
)
_OTHER_ORIGIN = problem_of_status(
    403,
    "The Origin header is that of another server's page. Do: if it is meant, add its name to server.allowed_hosts, or "
    "the origin to server.cors.access_control_allow_origin so that the page may read answers too.",
)


class ClientLeft(Exception):
    """The client closed the connection before its request was whole; there is nobody to answer."""


class HostCheck:
    """Refuses requests for names that are not ours, and those that pages of other names send.

    Otherwise a web page could reach a local server through its visitor's browser: under a name of its own that it lets
    point here (DNS rebinding), or by sending what it may not read the answer of. Names are compared without port and
    case. On a loopback address the loopback's names and the bound one are allowed; on other addresses every name is,
    unless names are given.

    Args:
        bound_host: the address or name the server is bound to.
        allowed: further names; `*` allows every one.
        origins: further origins of pages, such as `https://example.org`; `*` allows every one.
    """

    def __init__(self, bound_host: str, allowed: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        names = {name.lower() for name in allowed}
        if is_loopback(bound_host):
            names.update(_LOOPBACK_NAMES)
        self.is_on = bool(names) and "*" not in names
        names.add(f"[{bound_host}]" if ":" in bound_host else bound_host.lower())
        self._names = frozenset(name.encode("latin-1", "replace") for name in names)
        self._origins = frozenset(origin.encode("latin-1", "replace") for origin in origins)

    def allows(self, host: bytes | None) -> bool:
        """True for an allowed name; also without a Host header, which HTTP/1.0 allows and no browser leaves out."""
        if not self.is_on or host is None or host in self._names:
            return True
        name, _, port = host.rpartition(b":")
        return (name if name and port.isdigit() else host).lower() in self._names

    def allows_origin(self, origin: bytes | None) -> bool:
        """True for pages of an allowed name or origin; also without an Origin header, for then it was no page's script.

        Pages without an origin (`null`: local files, sandboxed frames) are strangers.
        """
        if not self.is_on or origin is None or origin in self._origins or b"*" in self._origins:
            return True
        scheme, _, authority = origin.partition(b"://")
        return scheme in (b"http", b"https") and self.allows(authority)

    def allows_websocket(self, origin: bytes | None, host: bytes | None) -> bool:
        """True for pages of this very host, of an allowed name or origin, and for clients that are no page's script.

        CORS does not hold for WebSockets: a page of any origin could open one and read it, with its visitor's cookies.
        So this is checked on every address.
        """
        if origin is None or origin in self._origins or b"*" in self._origins:
            return True
        scheme, _, authority = origin.partition(b"://")
        if scheme not in (b"http", b"https"):
            return False
        return authority.lower() == (host or b"").lower() or (self.is_on and self.allows(authority))


def is_loopback(host: str) -> bool:
    """True if the address is reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_open_to_all(settings: ServerSettings) -> bool:
    """True if others than this machine's users can reach the server, and need nothing to be answered."""
    needs_certificate = settings.ssl.is_enabled and settings.ssl.cert_reqs == "required"
    return not is_loopback(settings.host) and not settings.api_keys and not needs_certificate


def refusal(path: str, headers: Mapping[bytes, bytes], hosts: HostCheck) -> Problem | None:
    """The reason to refuse a request by its target and headers alone, or None.

    A target is a path, or `*`. A request with both a length and a transfer coding is refused: two servers could see two
    requests in it (RFC 9112, section 6.1).
    """
    if path[:1] != "/" and path != "*":
        return problem_of_status(400, "The request's target is no path. Do: begin it with a slash.")
    if b"transfer-encoding" in headers and b"content-length" in headers:
        detail = "The request has both Content-Length and Transfer-Encoding. Do: send one of them."
        return problem_of_status(400, detail, headers=((b"connection", b"close"),))
    if hosts.is_on:
        if not hosts.allows(headers.get(b"host")):
            return _OTHER_HOST
        if not hosts.allows_origin(headers.get(b"origin")):
            return _OTHER_ORIGIN
    return None


def websocket_refusal(path: str, headers: Mapping[bytes, bytes], hosts: HostCheck) -> Problem | None:
    """The reason to refuse a WebSocket by its target and headers alone, or None; see `HostCheck.allows_websocket`."""
    problem = refusal(path, headers, hosts)
    if problem is None and not hosts.allows_websocket(headers.get(b"origin"), headers.get(b"host")):
        return _OTHER_ORIGIN
    return problem


async def read_body(
    receive: ASGIReceive, exchange: Exchange, held: HeldBytes, max_bytes: int, max_chunks: int
) -> bytes:
    """Read a request's body whole.

    A declared length above the limit is refused before anything is read; without one, or with a false one, reading ends
    with the piece that passes the limit.

    Args:
        receive: gives the pieces.
        exchange: the request.
        held: counts them, until the request ends.
        max_bytes: of the body.
        max_chunks: pieces that are not empty.

    Raises:
        PayloadTooLarge: more than `max_bytes`.
        BadInput: its declared length is no number, or it came in more than `max_chunks` pieces.
        ServiceUnavailable: bodies of other requests leave no room for it.
        UnsupportedMediaType: it is compressed.
        ClientLeft: the client closed the connection.
    """
    headers = exchange.headers
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in (b"identity", b""):
        raise UnsupportedMediaType(
            f"The body's content encoding is {encoding[:100].decode('latin-1')!r}.",
            expected="an uncompressed body",
            do="send the body without Content-Encoding",
        )
    check_declared_length(headers, max_bytes)
    message = await receive()
    pieces: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise ClientLeft
        piece: bytes = message.get("body", b"")
        if piece:
            size += len(piece)
            if size > max_bytes:
                raise too_large(max_bytes)
            if len(pieces) == max_chunks:
                raise too_many_pieces(max_chunks)
            held.hold(exchange, len(piece))
            pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        message = await receive()


def read_timeout(value: bytes) -> float:
    """Read the header X-Request-Timeout: seconds, such as `2` or `0.05`.

    Raises:
        BadInput: it is not a decimal number above 0 of at most nine digits before and after the point.
    """
    # float() would take signs, exponents, underscores, `nan`, `inf` and any number of digits.
    seconds = float(value) if _SECONDS.fullmatch(value) else 0.0
    if not seconds:
        raise BadInput(
            f"The header X-Request-Timeout is {value[:40].decode('latin-1')!r}.",
            field="X-Request-Timeout",
            expected="seconds above 0, such as 2 or 0.05",
        )
    return seconds


def check_declared_length(headers: Mapping[bytes, bytes], max_bytes: int) -> None:
    """Refuse a body that is declared larger than may be, before anything of it is read.

    Raises:
        PayloadTooLarge: it is.
        BadInput: its declared length is no number.
    """
    declared = headers.get(b"content-length")
    if declared is not None and _declared_bytes(declared) > max_bytes:
        raise too_large(max_bytes)


def _declared_bytes(value: bytes) -> int:
    # int() takes signs, spaces and underscores, and refuses thousands of digits with an error of its own.
    if not value.isdigit() or len(value) > 20:
        raise BadInput(f"Content-Length is {value[:40].decode('latin-1')!r}.", expected="a number of bytes")
    return int(value)


def too_large(max_bytes: int) -> PayloadTooLarge:
    """The error for a body of more bytes than may be."""
    return PayloadTooLarge(
        f"The body has more than {max_bytes} bytes.",
        expected=f"at most {max_bytes} bytes",
        do="send less at once, or raise server.max_body_bytes",
    )


def too_many_pieces(max_chunks: int) -> BadInput:
    """The error for a body that comes in more pieces than may be."""
    return BadInput(
        f"The body came in more than {max_chunks} pieces.",
        expected=f"at most {max_chunks} chunks",
        do="send larger chunks, or a Content-Length",
    )
