"""Bodies that are larger, or in more pieces, than they may be."""

from __future__ import annotations

import contextlib
import gzip
import time

import pytest

from tests.faults.edge.raw import connect, head, statuses
from tests.faults.state import resident_kib

CAP = 2**20
SLACK = 2**16

JSON = "content-type: application/json"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def send_until_answered(port, pieces):
    """Send pieces until an answer comes or there are no more; return what was sent before it, and the answer."""
    sent, raw = 0, b""
    with contextlib.closing(connect(port)) as connection, contextlib.suppress(ConnectionError):
        for piece in pieces:
            connection.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                if raw := connection.recv(65536):
                    break
            connection.settimeout(30)
            connection.sendall(piece)
            sent += len(piece)
        else:
            # Nothing is sent any more, and no end of the body either: it is answered for what it is.
            connection.settimeout(30)
        while not raw.endswith(b"}") and (data := connection.recv(65536)):
            raw += data
    return sent, raw


ATTACKS = {
    "declared": (413, [f"content-length: {CAP + 1}"], []),
    "declared as endless": (413, ["content-length: " + "9" * 15], []),
    # Nothing after what is needed to know: the server must not wait for more.
    "chunked": (413, ["transfer-encoding: chunked"], [chunk(b"1" * 1024)] * ((CAP + SLACK) // 1024)),
    "one chunk": (
        413,
        ["transfer-encoding: chunked"],
        [b"%x\r\n" % (100 * CAP), *[b"1" * 1024] * ((CAP + SLACK) // 1024)],
    ),
    "gzip bomb": (415, ["content-encoding: gzip", "content-length: 100000"], [gzip.compress(bytes(10 * CAP))]),
    "gzip bomb, chunked": (
        415,
        ["content-encoding: gzip", "transfer-encoding: chunked"],
        [chunk(gzip.compress(bytes(CAP)))],
    ),
}


@pytest.mark.quick
@pytest.mark.row("body-over-cap")
def test_bodies_over_the_limit_are_refused_before_more_of_them_is_needed(edge, length, figures):
    served = edge(max_body_bytes=CAP)
    (pid,) = served.processes("jubako-api")
    most, before_kib, rounds = 0, resident_kib(pid), int(length(3, 100))
    for _ in range(rounds):
        for name, (status, lines, pieces) in ATTACKS.items():
            sent, raw = send_until_answered(served.port, [head("/echo", JSON, *lines), *pieces])
            assert statuses(raw) == [status], (name, raw)
            most = max(most, sent)
    assert most <= CAP + SLACK + 10_000
    growth_kib = resident_kib(pid) - before_kib
    assert growth_kib < 16 * 1024
    figures(
        refused=f"{rounds * len(ATTACKS)} of {rounds * len(ATTACKS)}",
        limit_bytes=CAP,
        most_sent_bytes=most,
        rss_growth_mib=round(growth_kib / 1024, 1),
    )


@pytest.mark.quick
@pytest.mark.row("body-over-cap")
def test_a_client_that_sends_more_than_it_declared_gets_one_answer_to_each_of_two_requests(edge):
    served = edge(max_body_bytes=CAP)
    pieces = [head("/echo", JSON, "content-length: 3"), b"[1]", *[b"1" * 1024] * 100]
    with contextlib.closing(connect(served.port)) as connection:
        raw = b""
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
            while data := connection.recv(65536):
                raw += data
    # What follows the body is no request.
    assert statuses(raw) in ([200, 400], [200, 431])


@pytest.mark.row("body-over-cap")
def test_a_client_that_floods_after_its_refusal_costs_no_memory(edge, length, figures):
    served = edge(max_body_bytes=CAP)
    (pid,) = served.processes("jubako-api")
    before_kib, peak_kib, sent = resident_kib(pid), 0, 0
    piece = chunk(b"1" * 65536)
    for _ in range(int(length(2, 20))):
        with contextlib.closing(connect(served.port)) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(head("/echo", JSON, "transfer-encoding: chunked"))
            for _ in range(1600):
                connection.sendall(piece)
                sent += len(piece)
                peak_kib = max(peak_kib, resident_kib(pid))
    assert peak_kib - before_kib < 16 * 1024
    figures(sent_mib=sent >> 20, rss_growth_mib=round((peak_kib - before_kib) / 1024, 1))


@pytest.mark.row("chunk-flood")
def test_a_body_in_a_million_chunks_is_refused_past_the_limit_and_leaves_nothing_behind(edge, length, figures):
    served = edge()
    (pid,) = served.processes("jubako-api")
    flood = [chunk(b"1") * 10_000] * int(length(10, 100))
    times = int(length(4, 100))
    grown, took = [], []
    for _ in range(times):
        began_s = time.monotonic()
        with contextlib.closing(connect(served.port)) as connection:
            raw = b""
            connection.sendall(head("/echo", JSON, "transfer-encoding: chunked"))
            with contextlib.suppress(ConnectionError):
                for piece in flood:
                    connection.sendall(piece)
            with contextlib.suppress(ConnectionError):
                while data := connection.recv(65536):
                    raw += data
        # A client that goes on sending for more than a second may lose the answer, as RFC 9112 allows.
        assert statuses(raw) in ([400], [])
        took.append(time.monotonic() - began_s)
        grown.append(resident_kib(pid))
    # The first makes room that the allocator keeps.
    growth_kib = grown[-1] - grown[0]
    assert growth_kib < 4096
    status, _ = served.post("/echo", "[1]", "application/json")
    assert status == 200
    figures(
        bodies=times,
        chunks=len(flood) * 10_000,
        rss_growth_kib=growth_kib,
        longest_s=round(max(took), 1),
    )


@pytest.mark.quick
@pytest.mark.row("chunk-flood")
def test_as_many_chunks_as_are_allowed_are_read_and_one_more_is_a_400(edge):
    served = edge(max_body_chunks=1000)
    request = head("/echo", JSON, "transfer-encoding: chunked")
    for count, status in ((1000, 200), (1001, 400)):
        body = chunk(b"[") + chunk(b" ") * (count - 2) + chunk(b"]") + b"0\r\n\r\n"
        with contextlib.closing(connect(served.port)) as connection:
            connection.sendall(request + body)
            assert statuses(connection.recv(65536)) == [status]
