"""Which Host headers are answered, and how a body is read."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import BadInput, PayloadTooLarge, ServiceUnavailable
from jubako.server.exchange import Exchange
from jubako.server.held_bytes import HeldBytes
from jubako.server.limits import ClientLeft, HostCheck, is_loopback, read_body, read_timeout


@pytest.mark.parametrize(
    ("bound", "allowed", "host", "is_allowed"),
    [
        ("127.0.0.1", (), b"localhost:1", True),
        ("127.0.0.1", (), b"model.example", False),
        ("127.0.0.1", ("model.example",), b"Model.Example:80", True),
        ("127.0.0.5", (), b"127.0.0.5:3000", True),
        ("::1", (), b"[::1]:3000", True),
        ("::1", (), b"[::2]:3000", False),
        ("localhost", (), b"127.0.0.1", True),
        ("0.0.0.0", (), b"anything.example", True),
        ("0.0.0.0", ("model.example",), b"other.example", False),
        ("0.0.0.0", ("model.example",), b"model.example:", False),
        ("127.0.0.1", ("*",), b"anything.example", True),
        ("127.0.0.1", (), None, True),
    ],
)
def test_the_bound_address_decides_which_hosts_are_answered(bound, allowed, host, is_allowed):
    assert HostCheck(bound, allowed).allows(host) is is_allowed


@pytest.mark.parametrize(
    ("bound", "allowed", "origin", "is_allowed"),
    [
        ("127.0.0.1", (), None, True),
        ("127.0.0.1", (), b"http://localhost:3000", True),
        ("127.0.0.1", (), b"http://127.0.0.1:8888", True),
        ("127.0.0.1", (), b"https://evil.example", False),
        ("127.0.0.1", (), b"https://evil.example:3000", False),
        ("127.0.0.1", (), b"http://localhost.evil.example", False),
        ("127.0.0.1", (), b"http://localhost:80@evil.example", False),
        ("127.0.0.1", (), b"evil://localhost", False),
        ("127.0.0.1", (), b"null", False),
        ("127.0.0.1", (), b"", False),
        ("127.0.0.1", (), b"http://", False),
        ("127.0.0.1", ("model.example",), b"https://model.example", True),
        ("127.0.0.1", ("*",), b"https://evil.example", True),
        ("0.0.0.0", (), b"https://anything.example", True),
        ("0.0.0.0", ("model.example",), b"https://other.example", False),
    ],
)
def test_pages_of_other_servers_send_nothing_where_the_host_is_checked(bound, allowed, origin, is_allowed):
    assert HostCheck(bound, allowed).allows_origin(origin) is is_allowed


@pytest.mark.parametrize(
    ("origins", "is_allowed"),
    [(("https://a.example",), True), (("*",), True), (("http://a.example", "https://a.example:444"), False)],
)
def test_origins_that_may_read_answers_may_send_too(origins, is_allowed):
    assert HostCheck("127.0.0.1", (), origins).allows_origin(b"https://a.example") is is_allowed


@pytest.mark.parametrize(
    ("value", "seconds"), [(b"2", 2.0), (b"0.05", 0.05), (b"007", 7.0), (b"999999999.999999999", 999999999.999999999)]
)
def test_a_timeout_is_a_plain_decimal_number(value, seconds):
    assert read_timeout(value) == seconds


@pytest.mark.parametrize(
    "value",
    [b"", b"0", b"0.0", b"-1", b"+1", b"1e3", b"nan", b"1_0", b" 1", b"1s", b".5", b"1.", b"1,5", b"1, 2", b"9" * 5000],
)
def test_any_other_timeout_is_refused_and_the_header_named(value):
    with pytest.raises(BadInput, match="The header X-Request-Timeout is ") as raised:
        read_timeout(value)
    assert raised.value.field == "X-Request-Timeout"
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("host", "expected"), [("127.9.9.9", True), ("::1", True), ("LocalHost", True), ("10.0.0.1", False), ("h", False)]
)
def test_a_loopback_address_is_told_from_others(host, expected):
    assert is_loopback(host) is expected


def reading(*messages):
    queue = list(messages)

    async def receive():
        return queue.pop(0)

    return receive, queue


def request(**headers):
    named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return Exchange({"method": "POST", "headers": named}, "/", "other", 0.0)


def read(receive, limit, pieces, exchange=None, held=None):
    return read_body(receive, exchange or request(), held or HeldBytes(1_000_000), limit, pieces)


def piece(body=b"", *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


@given(st.lists(st.binary(max_size=20), max_size=12), st.integers(0, 120))
def test_a_body_is_read_whole_or_refused_with_the_piece_that_is_too_much(pieces, limit):
    receive, left = reading(*map(piece, pieces), piece(more=False))
    whole = b"".join(pieces)
    if len(whole) <= limit:
        assert asyncio.run(read(receive, limit, 100)) == whole
        assert not left
    else:
        with pytest.raises(PayloadTooLarge, match=f"more than {limit} bytes"):
            asyncio.run(read(receive, limit, 100))
        taken = len(pieces) + 1 - len(left)
        assert len(b"".join(pieces[: taken - 1])) <= limit


async def test_nothing_is_read_of_a_body_that_declares_too_much():
    receive, left = reading(piece(b"x"))
    with pytest.raises(PayloadTooLarge):
        await read(receive, 10, 100, request(content_length=b"11"))
    assert len(left) == 1


@pytest.mark.parametrize("length", [b"-1", b"+1", b"1_0", b" 1", b"0x1", b"", b"9" * 5000, b"\xb2"])
async def test_a_length_that_is_no_number_is_bad_input(length):
    receive, _ = reading(piece(more=False))
    with pytest.raises(BadInput, match="Content-Length"):
        await read(receive, 10, 100, request(content_length=length))


async def test_too_many_pieces_are_refused_and_empty_ones_do_not_count():
    receive, _ = reading(*[piece(b"x"), piece()] * 3, piece(more=False))
    assert await read(receive, 10, 3) == b"xxx"
    receive, _ = reading(*[piece(b"x")] * 4)
    with pytest.raises(BadInput, match="more than 3 pieces"):
        await read(receive, 10, 3)


async def test_a_client_that_leaves_is_told_apart_from_a_short_body():
    receive, _ = reading(piece(b"x"), {"type": "http.disconnect"})
    with pytest.raises(ClientLeft):
        await read(receive, 10, 100)


async def test_bodies_that_do_not_fit_beside_those_of_others_are_refused_until_these_end():
    held = HeldBytes(10)
    first, second = request(), request()
    receive, _ = reading(piece(b"12345"), piece(b"678"), piece(more=False))
    assert await read(receive, 100, 100, first, held) == b"12345678"
    receive, left = reading(piece(b"ab"), piece(b"c"), piece(more=False))
    with pytest.raises(ServiceUnavailable, match=r"holds 10 bytes .* and 1 more") as refused:
        await read(receive, 100, 100, second, held)
    assert "server.max_held_bytes" in str(refused.value)
    assert len(left) == 1
    held.release(second)
    assert held.total == 8
    held.release(first)
    receive, _ = reading(piece(b"abc"), piece(more=False))
    assert await read(receive, 100, 100, second, held) == b"abc"


def test_a_request_that_is_alone_may_hold_more_than_all_may():
    held, exchange = HeldBytes(10), request()
    held.hold(exchange, 8)
    held.hold(exchange, 8)
    with pytest.raises(ServiceUnavailable):
        held.hold(request(), 1)
    held.release(exchange)
    held.release(exchange)
    assert held.total == 0
