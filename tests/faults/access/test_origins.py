"""Pages of the web that try to reach a server on this machine through the browser of somebody who visits them."""

from __future__ import annotations

import contextlib
import socket

import h2.config
import h2.connection
import h2.events
import pytest

from tests.faults.access.asking import PATIENCE_S, ask
from tests.faults.access.targets import NOTING
from tests.faults.watched import Request

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
PATHS = ("/", "/docs.json", "/healthz", "/livez", "/readyz", "/metrics", "/note", "/v1/words/count", "/nothing")

FOREIGN_HOSTS = (
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example",
    "localhost.",
    "127.0.0.2:{port}",
    "127.1:{port}",
    "2130706433",
    "0.0.0.0:{port}",
    "[::]:{port}",
    "localhost:{port}@evil.example",
    "evil.example#localhost",
    "evil.example/localhost",
)
FOREIGN_ORIGINS = (
    "https://evil.example",
    "http://evil.example:{port}",
    "http://localhost.evil.example",
    "http://localhost:{port}@evil.example",
    "http://localhost:{port}.evil.example",
    "http://127.1",
    "null",
    "file://",
    "chrome-extension://abcdef",
    "localhost",
)
# What a page can send without asking the server first.
SIMPLE_TYPES = ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")

LOCAL = Request("/v1/words/count", '"a b"', "text/plain")


@pytest.mark.row("dns-rebinding")
def test_no_verb_of_any_route_is_answered_under_a_foreign_name(attack, figures):
    server = attack(NOTING, good=Request("/readyz"))
    answers = {
        (host, method, path): ask(
            server.port,
            path,
            method=method,
            headers={"host": host.format(port=server.port), "origin": "http://" + host},
        )
        for host in FOREIGN_HOSTS
        for method in (METHODS if host in FOREIGN_HOSTS[:3] else ("GET", "POST"))
        for path in PATHS
    }
    refused = [key for key, answer in answers.items() if answer.status in (421, 400)]
    assert refused == list(answers), set(answers) - set(refused)
    assert not any("access-control-allow-origin" in answer.headers for answer in answers.values())
    assert not (server.folder / "calls").exists()
    figures(hosts=f"{len(refused)} of {len(answers)} refused")


@pytest.mark.row("dns-rebinding")
def test_no_page_of_another_origin_reaches_a_function(attack, figures):
    server = attack(NOTING, good=Request("/readyz"))
    answers = {}
    for origin in FOREIGN_ORIGINS:
        for method in METHODS:
            for media_type in SIMPLE_TYPES if method == "POST" else SIMPLE_TYPES[:1]:
                headers = {"origin": origin.format(port=server.port), "content-type": media_type}
                answers[origin, method, media_type] = ask(server.port, "/note", b"1", method=method, headers=headers)
    assert {answer.status for answer in answers.values()} == {403}
    assert not any(name.startswith("access-control") for answer in answers.values() for name in answer.headers)
    assert not (server.folder / "calls").exists()
    figures(origins=f"{len(answers)} of {len(answers)} refused")


@pytest.mark.row("dns-rebinding")
@pytest.mark.quick
def test_pages_and_programs_of_this_machine_are_answered(attack):
    server = attack(NOTING, good=Request("/readyz"))
    for host in ("localhost", "LOCALHOST:{port}", "127.0.0.1:{port}", "[::1]:{port}"):
        for origin in ("", "http://localhost:{port}", "http://127.0.0.1:8888", "https://[::1]"):
            headers = {"host": host.format(port=server.port), "origin": origin.format(port=server.port)}
            assert ask(server.port, "/note", b"1", headers=headers).status == 200, headers


@pytest.mark.row("dns-rebinding")
def test_names_that_the_operator_gives_are_answered_and_no_others(attack):
    server = attack(NOTING, good=Request("/readyz"), JUBAKO_SERVER__ALLOWED_HOSTS="model.example")
    for host, status in (("model.example", 200), ("MODEL.example:80", 200), ("a.model.example", 421)):
        assert ask(server.port, "/note", b"1", headers={"host": host}).status == status
    for origin, status in (("https://model.example", 200), ("https://other.example", 403)):
        assert ask(server.port, "/note", b"1", headers={"host": "model.example", "origin": origin}).status == status


@pytest.mark.row("dns-rebinding")
@pytest.mark.parametrize(
    ("authority", "further", "status"),
    [
        ("localhost", [], b"200"),
        ("evil.example", [], b"421"),
        # Two names are a breach of the protocol.
        ("evil.example", [("host", "localhost")], b"closed"),
        ("localhost", [("origin", "https://evil.example")], b"403"),
    ],
)
def test_the_same_holds_in_http2(attack, authority, further, status):
    server = attack(NOTING, good=Request("/readyz"))
    headers = [(":method", "GET"), (":path", "/livez"), (":scheme", "http"), (":authority", authority), *further]
    assert _ask_http2(server.port, headers) == status


def _ask_http2(port: int, headers: list[tuple[str, str]]) -> bytes:
    config = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    client = h2.connection.H2Connection(config)
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)) as connection:
        client.initiate_connection()
        client.send_headers(1, headers, end_stream=True)
        connection.sendall(client.data_to_send())
        while data := connection.recv(65536):
            for event in client.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    return dict(event.headers)[b":status"]
                if isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    return b"closed"
            connection.sendall(client.data_to_send())
    return b"closed"
