"""What a hostile client may send: each answer is a 4xx that names what was expected, and nothing is loaded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle

import numpy as np
import pytest

from jubako.io import JSON, NumpyNdarray, Text
from jubako.services import Service

MIB = 2**20
PATIENCE_S = 60.0

HEAD = b"POST /value HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"

MEDIA_TYPES = [
    "application/json",
    "application/octet-stream",
    "application/x-pickle",
    "application/python-pickle",
    "application/vnd.bentoml+pickle",
    "application/vnd.jubako+pickle",
    "multipart/form-data; boundary=x",
    "text/plain",
    "*/*",
    "",
]


@pytest.fixture
def service() -> Service:
    svc = Service("target")

    @svc.api(input=NumpyNdarray(dtype="float64", enforce_dtype=True, shape=(-1, 4), enforce_shape=True), output=JSON())
    async def array(value):
        return value.sum()

    @svc.api(input=JSON(), output=JSON())
    def value(value):
        return value

    @svc.api(input=Text(), output=Text())
    async def text(value):
        return value

    return svc


@pytest.fixture
async def site(serve_service, service):
    return await serve_service(service, max_body_bytes=MIB, max_body_chunks=100)


class Canary:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


async def test_a_pickle_body_is_loaded_by_no_route_whatever_it_is_called(site, tmp_path):
    canary = tmp_path / "loaded"
    bodies = [pickle.dumps(Canary(str(canary)), protocol) for protocol in (0, 2, 5)]
    objects = np.empty(1, dtype=object)
    objects[0] = Canary(str(canary))
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    bodies.append((tmp_path / "objects.npy").read_bytes())
    for path in ("/array", "/value", "/text", "/", "/docs.json", "/metrics", "/readyz", "/nowhere"):
        for media_type in MEDIA_TYPES:
            for body in bodies:
                answer = await site.ask(path, body, content_type=media_type)
                # Text takes any UTF-8, and the oldest protocol is that; it comes back as it was sent.
                assert answer.status < 500
                assert answer.status >= 400 or path == "/text"
    assert not canary.exists()
    pickle.loads(bodies[0])
    assert canary.exists(), "the canary does not sing"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1, 2",
        b"\xff\xfe\x00",
        b"nul",
        b"[[1,2,3,4],]",
        b"[[1,2,3]]",
        b"[[1,2,3,4],[1,2]]",
        b'[["a","b","c","d"]]',
        b'{"a": 1}',
        b"7",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"[[" + b"9" * 100_000 + b",1,1,1]]",
        b"[[1e999,1,1,1]]",
        b"[[NaN,1,1,1]]",
        b"[[Infinity,1,1,1]]",
        b'[["\\ud800",1,1,1]]',
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_an_array_that_is_none_is_refused_with_what_was_expected(site, body):
    answer = await site.ask("/array", body)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["type"] == "urn:jubako:problem:bad-input"
    assert answer.json["detail"]
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.body.decode()


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 500_000, b"\x80abc", b'{"a":1}x'], ids=lambda body: repr(body[:12]))
async def test_json_that_is_none_is_refused(site, body):
    answer = await site.ask("/value", body)
    assert answer.status == 400
    assert answer.json["expected"]


async def test_a_body_that_declares_too_much_is_refused_before_it_is_read(site):
    raw = await site.send_raw(HEAD + b"content-length: 104857600\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 413")
    assert b'"expected":"at most 1048576 bytes"' in raw


@pytest.mark.parametrize("framing", ["declared", "chunked", "lying"])
async def test_a_hundred_megabytes_are_refused_and_the_client_gets_the_answer(site, framing):
    piece = b"[" + b"1," * (MIB // 2)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    lengths = {
        "declared": f"content-length: {100 * MIB}",
        "chunked": "transfer-encoding: chunked",
        "lying": "content-length: 10",
    }
    writer.write(HEAD + lengths[framing].encode() + b"\r\n\r\n")

    async def flood():
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if framing == "chunked" else piece)
                await writer.drain()

    flooding = asyncio.create_task(flood())
    answer = bytearray()
    with contextlib.suppress(ConnectionError):
        while data := await asyncio.wait_for(reader.read(65536), PATIENCE_S):
            answer += data
    assert answer.startswith(b"HTTP/1.1 400" if framing == "lying" else b"HTTP/1.1 413")
    await flooding
    writer.close()


async def test_a_flood_of_chunks_is_refused(site):
    chunks = b"1\r\n1\r\n" * 5000
    raw = await site.send_raw(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunks)
    assert raw.startswith(b"HTTP/1.1 400")
    assert b"at most 100 chunks" in raw


@pytest.mark.parametrize("sent", [b"", b"[1,"], ids=["nothing", "a part"])
async def test_a_body_that_does_not_come_is_a_408_in_time(serve_service, service, sent):
    site = await serve_service(service, body_timeout_s=0.5)
    raw = await site.send_raw(b"POST /value HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n" + sent)
    assert raw.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in raw.lower()


async def test_a_body_that_ends_early_gets_no_answer_and_no_error(site, caplog):
    early = HEAD + b"content-length: 100\r\n\r\n[1"
    assert not (await site.send_raw(early, eof=True)).startswith(b"HTTP/1.1 5")
    assert not caplog.records


async def test_a_compressed_body_is_refused(site):
    answer = await site.ask("/value", b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert answer.status == 415
    assert answer.json["expected"] == "an uncompressed body"


SMUGGLED = {
    "both lengths": b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "two lengths": b"content-length: 3\r\ncontent-length: 40\r\n\r\n[1]",
    "a signed length": b"content-length: +3\r\n\r\n[1]",
    "a long length": b"content-length: " + b"9" * 100 + b"\r\n\r\n[1]",
    "space before the colon": b"content-length : 3\r\n\r\n[1]",
    "an unknown coding": b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding in disguise": b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a bare return": b"x: a\rb\r\ncontent-length: 3\r\n\r\n[1]",
    "a null": b"x: a\x00b\r\ncontent-length: 3\r\n\r\n[1]",
    "a wrong chunk size": b"transfer-encoding: chunked\r\n\r\n-1\r\n[1]\r\n0\r\n\r\n",
    "a second host": b"host: other\r\ncontent-length: 3\r\n\r\n[1]",
}


@pytest.mark.parametrize("rest", SMUGGLED.values(), ids=SMUGGLED.keys())
async def test_a_request_that_two_servers_could_read_in_two_ways_is_refused_once(site, rest):
    raw = await site.send_raw(HEAD + rest)
    assert raw.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501"))
    assert raw.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "localhost.", "[::1", ""]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_another_servers_name_is_misdirected_on_a_loopback_address(site, method, host):
    answer = await site.ask("/value", method=method, headers={"host": host, "origin": "http://evil.example"})
    assert answer.status == 421
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:3000", "127.0.0.1:80", "[::1]:3000"])
async def test_names_of_the_loopback_are_answered(site, host):
    assert (await site.ask("/livez", headers={"host": host})).status == 200


async def test_http_1_0_without_a_host_is_answered_and_closed(site):
    raw = await site.send_raw(b"POST /value HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n[1]")
    assert raw.startswith(b"HTTP/1.1 200")
    assert raw.endswith(b"[1]")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "X" * 50])
async def test_an_api_takes_post_only_and_says_so(site, method):
    answer = await site.ask("/value", method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert (answer.body == b"") == (method == "HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/%0d%0ax-injected:%20yes",
        "/..%2f..%2fetc/passwd",
        "/%ff%fe",
        "/" + "a" * 8000,
        "//value",
        "*",
        "/value/",
    ],
)
async def test_a_path_that_is_none_of_ours_is_a_404(site, path):
    answer = await site.ask(path)
    assert answer.status == 404
    assert answer.json["type"] == "urn:jubako:problem:not-found"
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize("value", ["a\tb", "x" * 200, "a b", "\xe9", "${jndi}", "<b>"])
async def test_a_strange_request_id_is_replaced(site, value):
    answer = await site.ask("/livez", headers={"x-request-id": value})
    assert answer.headers["x-request-id"] != value


async def test_a_sane_request_id_is_kept(site):
    assert (await site.ask("/livez", headers={"x-request-id": "abc-1.2:3_4"})).headers["x-request-id"] == "abc-1.2:3_4"


async def test_a_websocket_to_an_api_is_refused(site):
    raw = await site.send_raw(
        b"GET /value HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert raw.startswith(b"HTTP/1.1 405")


async def test_random_bytes_are_refused_and_the_server_lives(site):
    generator = np.random.default_rng(7)
    for _ in range(50):
        raw = await site.send_raw(generator.bytes(300), eof=True)
        assert raw == b"" or raw.startswith(b"HTTP/1.1 4")
    assert (await site.ask("/livez")).status == 200


async def test_clients_that_leave_at_any_moment_leave_nothing_behind(serve_service, caplog):
    caplog.set_level("INFO")
    svc = Service("deserted")

    @svc.api(input=JSON(), output=JSON())
    async def wait(_):
        await asyncio.sleep(0.2)
        return "x" * 500_000

    site = await serve_service(svc)
    before = len(asyncio.all_tasks())
    request = (
        b"POST /wait HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n[1]"
    )
    for moment in (0, 10, len(request) - 5, len(request) - 1, len(request)):
        for abort in (True, False):
            for _ in range(10):
                _, writer = await asyncio.open_connection("127.0.0.1", site.port)
                writer.write(request[:moment])
                await writer.drain()
                if abort:
                    writer.transport.abort()
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
    async with asyncio.timeout(PATIENCE_S):
        while 'in_progress{api="wait",service="deserted"} 0.0' not in (await site.ask("/metrics")).body.decode():
            pass  # the last ones are being given up
    site.stop.set()
    await site.ended()
    assert not caplog.records, "a connection had to be cut"
    assert len(asyncio.all_tasks()) < before


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80"])
async def test_a_target_that_is_a_whole_url_is_answered_like_its_path(site, scheme, host):
    # As proxies send it; the Host header beside it means nothing (RFC 9112, section 3.2.2).
    answer = await site.ask(f"{scheme}://{host}/value?x=1", b"[1]", headers={"host": "evil.example"})
    assert (answer.status, answer.body) == (200, b"[1]")
    assert (await site.ask(f"{scheme}://{host}")).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost@evil.example", "user@localhost"])
async def test_the_host_of_a_target_is_the_one_that_counts(site, host):
    assert (await site.ask(f"http://{host}/value", b"[1]")).status == 421


async def test_the_target_of_a_whole_server_is_nowhere(site):
    assert (await site.ask("*", b"[1]")).status == 404


async def test_bodies_of_many_clients_together_are_bounded(serve_service):
    svc, begun, release = Service("holding"), asyncio.Event(), asyncio.Event()

    @svc.api(input=JSON(), output=JSON())
    async def hold(value):
        begun.set()
        await release.wait()
        return len(value)

    @svc.api(input=JSON(), output=JSON())
    async def value(value):
        return value

    site = await serve_service(svc, max_held_bytes=MIB)
    # Alone it may be larger than all may be together.
    holding = asyncio.create_task(site.ask("/hold", b"[1" + b" " * MIB + b"]"))
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    answer = await site.ask("/value", b"[1]")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.json["type"] == "urn:jubako:problem:service-unavailable"
    release.set()
    assert (await holding).status == 200
    assert (await site.ask("/value", b"[1]")).status == 200


async def test_an_answer_for_which_there_is_no_room_is_a_503(serve_service):
    svc = Service("large")

    @svc.api(input=JSON(), output=Text())
    async def large(size):
        return "x" * size

    site = await serve_service(svc, max_held_bytes=MIB, write_timeout_s=PATIENCE_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1024)
    head = b"POST /large HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n"
    writer.write(head + b"20000000")
    await reader.readuntil(b"\r\n\r\n")
    assert (await site.ask("/large", b"100")).status == 503
    await reader.readexactly(20_000_000)
    answer = await site.ask("/large", b"2000000")
    assert (answer.status, len(answer.body)) == (200, 2_000_000)
    writer.close()


@pytest.mark.parametrize("target", [b"?livez", b"livez", b"?", b"http:///x", b"ftp://localhost/value", b"localhost:80"])
async def test_a_target_that_is_no_path_is_refused(site, target):
    raw = await site.send_raw(b"GET " + target + b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 400"), raw
    assert b"begin it with a slash" in raw
