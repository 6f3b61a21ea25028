"""Requests that are right, and some that are not, for a fuzzer to start from: HTTP/1.1 and HTTP/2, as bytes."""

from __future__ import annotations

import h2.config
import h2.connection
from hyperframe import frame as frames

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_POST = b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
_GET = b"GET %s HTTP/1.1\r\nhost: localhost\r\n%s\r\n"


def http1(path: bytes, body: bytes) -> list[bytes]:
    """Requests for one API, in the ways in which HTTP/1.1 can be spoken."""
    start = _POST % path
    whole = start + b"content-length: %d\r\n\r\n%s" % (len(body), body)
    half = len(body) // 2
    chunks = b"%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\nx: y\r\n\r\n" % (half, body[:half], len(body) - half, body[half:])
    return [
        whole,
        whole * 3,
        start + b"transfer-encoding: chunked\r\n\r\n" + chunks,
        start + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body),
        start + b"connection: close\r\nx-request-id: a.b-c\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body),
        b"POST %s HTTP/1.0\r\ncontent-length: %d\r\n\r\n%s" % (path, len(body), body),
        b"POST http://localhost:1%s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (path, len(body), body),
        start + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x8b\x08",
        start + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        start + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        start + b"content-length: 3\r\ncontent-length: 4\r\n\r\n[1]",
        start + b"content-length: 99999999999\r\n\r\n[1]",
        start + b"x: 1\r\n folded\r\ncontent-length: 0\r\n\r\n",
        start.replace(b"application/json", b"text/plain; charset=utf-16") + b"content-length: 2\r\n\r\n\xff\xfe",
    ]


_ENDPOINTS = [
    _GET % (b"/", b"accept: text/html\r\n"),
    _GET % (b"/docs.json?x=%20&y=%zz", b""),
    _GET % (b"/livez", b"") * 5,
    _GET % (b"/readyz", b"origin: http://evil.example\r\n"),
    _GET % (b"/metrics", b"range: bytes=0-,0-\r\nif-none-match: *\r\n"),
    _GET % (b"/%2e%2e/%00", b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"),
    _GET % (b"/livez", b"upgrade: h2c\r\nhttp2-settings: AAMAAABk\r\nconnection: upgrade, http2-settings\r\n"),
    _GET
    % (
        b"/ws",
        (
            b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        ),
    ),
    b"HEAD / HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\naccess-control-request-method: POST\r\norigin: null\r\n\r\n",
    b"CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"TRACE /livez HTTP/1.1\r\nhost: localhost\r\nmax-forwards: 0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


def http2(path: bytes, body: bytes) -> list[bytes]:
    """Connections that ask one API, in the ways in which HTTP/2 can be spoken."""
    asked = _Asking()
    plain = asked.request(path, body)
    reset = frames.RstStreamFrame(1, error_code=8).serialize()
    ping = frames.PingFrame(0, opaque_data=b"12345678").serialize()
    grant = frames.WindowUpdateFrame(0, window_increment=1000).serialize()
    narrow = frames.SettingsFrame(0, settings={4: 1, 5: 16384, 6: 100, 1: 0}).serialize()
    goodbye = frames.GoAwayFrame(0, last_stream_id=1, error_code=0).serialize()
    priority = frames.PriorityFrame(5, depends_on=1, stream_weight=3, exclusive=True).serialize()
    padded = frames.DataFrame(1, data=body, pad_length=7, flags=["PADDED", "END_STREAM"]).serialize()
    pushed = frames.PushPromiseFrame(1, promised_stream_id=2, data=b"\x82", flags=["END_HEADERS"]).serialize()
    return [
        asked.start + plain,
        asked.start + plain + asked.request(path, body) + asked.request(b"/livez", b""),
        asked.start + narrow + plain + ping + grant + priority,
        asked.start + plain + reset + ping + goodbye,
        asked.start + asked.headers(path) + padded + pushed,
        asked.start + asked.headers(path, whole=False) + frames.ContinuationFrame(1, data=b"\x84").serialize(),
        asked.start + frames.ExtensionFrame(0xF0, 0xFF, 3, b"whatever").serialize() + plain,
    ]


class _Asking:
    """A client that speaks HTTP/2; each connection begins with the same tables."""

    def __init__(self) -> None:
        self._client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self._client.initiate_connection()
        self.start = self._client.data_to_send()

    def request(self, path: bytes, body: bytes) -> bytes:
        """A whole request on the next stream."""
        stream_id = self._client.get_next_available_stream_id()
        named = {b":method": b"POST" if body else b"GET", b":scheme": b"http", b":authority": b"localhost"}
        headers = [*named.items(), (b":path", path), (b"content-type", b"application/json")]
        self._client.send_headers(stream_id, headers, end_stream=not body)
        if body:
            self._client.send_data(stream_id, body, end_stream=True)
        return self._client.data_to_send()

    def headers(self, path: bytes, *, whole: bool = True) -> bytes:
        """The headers of a request on stream 1, whatever was sent before."""
        asking = _Asking()
        headers = frames.HeadersFrame(1, data=asking.request(path, b"x")[9:-10])
        if whole:
            headers.flags.add("END_HEADERS")
        return headers.serialize()


def corpus(asked: dict[bytes, bytes]) -> list[bytes]:
    """Everything, for APIs by path with a body that each takes."""
    requests = list(_ENDPOINTS)
    for path, body in asked.items():
        requests += http1(path, body)
        requests += http2(path, body)
    return requests
