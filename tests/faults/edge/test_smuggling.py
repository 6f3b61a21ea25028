"""Requests whose end two parsers would see in different places, and what could split an answer in two."""

from __future__ import annotations

import json

import h2.config
import h2.connection
import pytest
from hyperframe import frame as frames

from tests.faults.edge.raw import connect, exchange, head, statuses

# A second request, hidden in what the first may take for its body.
HIDDEN = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"


def request(lines, body=b"", start=b"POST /echo HTTP/1.1"):
    return start + b"\r\nhost: localhost\r\ncontent-type: application/json\r\n" + lines + b"\r\n" + body


CASES = {
    "length and chunked": request(b"content-length: 5\r\n" + CHUNKED, b"0\r\n\r\n" + HIDDEN),
    "chunked and length": request(CHUNKED + b"content-length: 5\r\n", b"0\r\n\r\n" + HIDDEN),
    "two lengths": request(b"content-length: 3\r\ncontent-length: 40\r\n", b"[1]" + HIDDEN),
    "two lengths in one": request(b"content-length: 3, 40\r\n", b"[1]" + HIDDEN),
    "a negative length": request(b"content-length: -3\r\n", b"[1]" + HIDDEN),
    "a signed length": request(b"content-length: +3\r\n", b"[1]" + HIDDEN),
    "a hexadecimal length": request(b"content-length: 0x3\r\n", b"[1]" + HIDDEN),
    "a length with an underscore": request(b"content-length: 1_0\r\n", b"[1]" + HIDDEN),
    "an empty length": request(b"content-length:\r\n", b"[1]" + HIDDEN),
    "a length above all": request(b"content-length: " + b"9" * 100 + b"\r\n", b"[1]" + HIDDEN),
    "an unknown coding": request(b"transfer-encoding: xchunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "two codings": request(b"transfer-encoding: gzip, chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "a coding twice": request(CHUNKED + CHUNKED, b"0\r\n\r\n" + HIDDEN),
    "identity": request(b"transfer-encoding: identity\r\n", b"0\r\n\r\n" + HIDDEN),
    "a coding with a vertical tab": request(b"transfer-encoding: \x0bchunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "space before the colon": request(b"content-length : 3\r\n", b"[1]" + HIDDEN),
    "space before the coding's colon": request(b"transfer-encoding : chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "a bare line feed": request(b"x: 1\ntransfer-encoding: chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "a head of bare line feeds": b"POST /echo HTTP/1.1\nhost: localhost\ncontent-length: 3\n\n[1]" + HIDDEN,
    "a bare return": request(b"x: 1\rtransfer-encoding: chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "a null": request(b"x: 1\x00\r\n", HIDDEN),
    "a folded header": request(b"x: 1\r\n content-length: 3\r\n", b"[1]" + HIDDEN),
    "a folded coding": request(b"transfer-encoding:\r\n chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "a folded first header": b"POST /echo HTTP/1.1\r\n x: 1\r\nhost: localhost\r\n\r\n" + HIDDEN,
    "a line without a colon": request(b"content-length\r\n", HIDDEN),
    "an empty name": request(b": 3\r\n", HIDDEN),
    "no host": b"POST /echo HTTP/1.1\r\ncontent-length: 0\r\n\r\n" + HIDDEN,
    "two hosts": request(b"host: other\r\n", HIDDEN),
    "a chunk's wrong end": request(CHUNKED, b"3\r\n[1]XX0\r\n\r\n" + HIDDEN),
    "a chunk that ends in a line feed": request(CHUNKED, b"3\r\n[1]\n0\r\n\r\n" + HIDDEN),
    "a chunk size that ends in a line feed": request(CHUNKED, b"3\n[1]\r\n0\r\n\r\n" + HIDDEN),
    "a negative chunk": request(CHUNKED, b"-3\r\n[1]\r\n0\r\n\r\n" + HIDDEN),
    "a hexadecimal chunk with its prefix": request(CHUNKED, b"0x3\r\n[1]\r\n0\r\n\r\n" + HIDDEN),
    "a chunk above all": request(CHUNKED, b"f" * 30 + b"\r\n[1]\r\n0\r\n\r\n" + HIDDEN),
    "a chunk without a size": request(CHUNKED, b"\r\n[1]\r\n0\r\n\r\n" + HIDDEN),
    "trailers with a bare line feed": request(CHUNKED, b"3\r\n[1]\r\n0\r\nx: 1\ny: 2\r\n\r\n" + HIDDEN),
    "trailers that end in line feeds": request(CHUNKED, b"3\r\n[1]\r\n0\r\nx: 1\n\n" + HIDDEN),
    "a last chunk that ends in a line feed": request(CHUNKED, b"3\r\n[1]\r\n0\r\n\n" + HIDDEN),
    "a version of two digits": request(b"", HIDDEN, b"GET /livez HTTP/1.10"),
    "a version that is none": request(b"", HIDDEN, b"GET /livez HTTP/x"),
    "two spaces": request(b"", HIDDEN, b"GET  /livez HTTP/1.1"),
    "a space in the path": request(b"", HIDDEN, b"GET /livez /x HTTP/1.1"),
    "an empty line before": b"\r\n" + HIDDEN + HIDDEN,
}

# RFC 9112, section 6.1, asks for it; docs/http.md says so.
NOT_IMPLEMENTED = {"an unknown coding", "two codings", "identity", "a coding twice"}


@pytest.mark.quick
@pytest.mark.row("smuggling")
def test_a_request_that_reads_two_ways_gets_one_refusal_and_the_connection_is_closed(edge, figures):
    served = edge()
    seen = {}
    for name, raw in CASES.items():
        for before in (b"", HIDDEN):
            answers = statuses(exchange(served.port, before + raw))
            assert answers[: 1 if before else 0] == ([200] if before else []), name
            seen.setdefault(name, []).append(answers[1:] if before else answers)
    wrong = {
        name: answers
        for name, answers in seen.items()
        if not all(each in ([400], [431], [501] if name in NOT_IMPLEMENTED else [400]) for each in answers)
    }
    assert not wrong
    figures(cases=f"{len(CASES)} of {len(CASES)} refused, alone and as a second request", replies="1 each")


@pytest.mark.quick
@pytest.mark.row("smuggling")
def test_it_is_refused_in_whatever_pieces_it_comes(edge):
    served = edge()
    for name, raw in CASES.items():
        data = raw[:400]
        pieces = [data[start : start + 7] for start in range(0, len(data), 7)]
        assert len(statuses(exchange(served.port, *pieces, raw[400:]))) == 1, name


LINES = ("\r\nx-injected: yes", "\nx-injected: yes", "\r\n\r\n<html>", "\rx-injected: yes", "a\x00b", "é\u0100")

# Whatever is answered, no other header may come.
KNOWN = {
    "allow",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "referrer-policy",
    "retry-after",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
    "x-split",
}


def names_of(raw):
    lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {line.partition(":")[0].lower() for line in lines}


@pytest.mark.quick
@pytest.mark.row("response-splitting")
def test_line_ends_in_what_a_client_sends_end_no_line_of_an_answer(edge, figures):
    served, tried = edge(), 0
    close = "connection: close"
    for text in LINES:
        escaped = "".join(f"%{byte:02x}" for byte in text.encode())
        # As it is, a line's end in a header begins another header of the request; that is all it may do.
        raw_text = text.encode("utf-8").decode("latin-1").replace("\r\n\r\n", "\r\n")
        for raw in (
            head(f"/livez{escaped}", close, method="GET"),
            head(f"/livez?x={escaped}", close, method="GET"),
            head(f"http://localhost/livez{escaped}", close, method="GET"),
            head("/livez", f"x-request-id: a{escaped}", close, method="GET"),
            head("/livez", f"x-request-id: a{raw_text}", close, method="GET"),
            head("/livez", f"traceparent: 00-{raw_text}", close, method="GET"),
            head("/livez", f"origin: http://a{raw_text}", close, method="OPTIONS"),
            head("/livez", f"accept: text/html{raw_text}", close, method="GET"),
            head(f"/livez{raw_text}", close, method="GET"),
        ):
            answer = exchange(served.port, raw)
            assert len(statuses(answer)) == 1, raw
            assert names_of(answer) <= KNOWN, answer
            assert b"<html>" not in answer
            tried += 1
    figures(requests=f"{tried} of {tried} answered once, with known headers only")


@pytest.mark.quick
@pytest.mark.row("response-splitting")
def test_line_ends_in_what_a_service_answers_are_a_500(edge):
    served = edge()
    for name in ("x-split", *(f"x-split{text}" for text in LINES), "X-Split", "", "x split", "x:split"):
        for value in ("fine", *LINES):
            body = json.dumps([name, value]).encode()
            raw = exchange(served.port, head("/headed", f"content-length: {len(body)}", "connection: close") + body)
            assert statuses(raw) == ([200] if name.lower() == "x-split" and value == "fine" else [500]), raw
            assert names_of(raw) <= KNOWN
            assert b"<html>" not in raw


@pytest.mark.quick
@pytest.mark.row("response-splitting")
def test_line_ends_in_http2_headers_are_refused(edge):
    served = edge()
    config = h2.config.H2Configuration(
        validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None
    )
    for field in (":path", "x-request-id", ":authority", "x-other"):
        for text in LINES[:4]:
            client = h2.connection.H2Connection(config)
            client.initiate_connection()
            fields = {":method": "GET", ":scheme": "http", ":authority": "localhost", ":path": "/livez", "x-other": "x"}
            fields[field] = fields.get(field, "") + text
            client.send_headers(1, [(name.encode(), value.encode()) for name, value in fields.items()], end_stream=True)
            with connect(served.port) as connection:
                connection.sendall(client.data_to_send())
                received, kinds = b"", set()
                # Until the server has answered the stream, or closed.
                while not kinds & {frames.RstStreamFrame, frames.GoAwayFrame, frames.HeadersFrame}:
                    data = connection.recv(65536)
                    if not data:
                        break
                    received += data
                    kinds = kinds_of(received)
            assert frames.HeadersFrame not in kinds, (field, text)


def kinds_of(data):
    kinds = set()
    while len(data) >= 9:
        frame, size = frames.Frame.parse_frame_header(memoryview(data[:9]))
        kinds.add(type(frame))
        data = data[9 + size :]
    return kinds
