"""Line ends, and what ends a line for some reader, in everything that becomes a header of an answer."""

from __future__ import annotations

import pytest

from jubako.errors import InvalidArgument
from jubako.values.tag import Tag
from tests.faults.access.asking import ask, send
from tests.faults.access.targets import FAILING, NOTING
from tests.faults.watched import Request

INJECTED = b"x-injected"
BREAKS = ("\r\n", "\n", "\r", "\x00", "\x0b", "\x0c", "\r\n ", "\x85", "\r\n\r\n")
SAY = Request("/say", "x-note=ok", "text/plain")


def count_of(answers: list) -> str:
    assert all(answer.count <= 1 for answer in answers)
    assert not any(INJECTED in answer.raw.partition(b"\r\n\r\n")[0].lower().replace(b"%", b"") for answer in answers)
    return f"{len(answers)} of {len(answers)} refused"


@pytest.mark.row("response-splitting")
def test_a_services_own_headers_cannot_be_split(attack, figures):
    server = attack(FAILING, good=SAY)
    answers = []
    for name in ("x-note", "content-type"):
        for line_end in BREAKS:
            text = f"{name}=a{line_end}X-Injected: yes".encode()
            answers.append(ask(server.port, "/say", text, headers={"content-type": "text/plain"}))
    names = ("x-a\r\nx-injected", "x-injected: yes\r\nx", "x a", "", "x:y")
    framing = ("content-length", "transfer-encoding", "connection", "Content-Length", "upgrade", "keep-alive")
    said = [f"{name}=1".encode() for name in (*names, *framing)]
    answers += [ask(server.port, "/say", text, headers={"content-type": "text/plain"}) for text in said]
    assert {answer.status for answer in answers} == {500}
    figures(own_headers=count_of(answers))


@pytest.mark.row("response-splitting")
@pytest.mark.quick
def test_what_a_client_sends_splits_no_answer(attack, figures):
    server = attack(NOTING, good=Request("/readyz"), JUBAKO_SERVER__CORS__ENABLED="true",
                    JUBAKO_SERVER__CORS__ACCESS_CONTROL_ALLOW_ORIGIN="https://a.example")  # fmt: skip
    answers = [
        ask(server.port, path)
        for path in (
            "/%0d%0aX-Injected:%20yes",
            "/note%0d%0aX-Injected:%20yes",
            "//%0d%0aX-Injected:%20yes/docs.json",
            "/docs.json%0aX-Injected:yes",
            "/%E5%98%8A%E5%98%8DX-Injected:%20yes",
            "/?a=%0d%0aX-Injected:%20yes",
        )
    ]
    # Headers that are given back, in part or whole, when they are sane.
    for name in ("x-request-id", "origin", "host", "traceparent", "access-control-request-method"):
        for line_end in ("\n", "\r", "\x00", "\x0b", "\x85", "%0d%0a", "\\r\\n"):
            head = f"OPTIONS /note HTTP/1.1\r\nhost: localhost\r\n{name}: a{line_end}X-Injected: yes\r\n"
            answers.append(send(server.port, f"{head}connection: close\r\n\r\n".encode("latin-1")))
    assert all(answer.status in range(200, 500) for answer in answers)
    assert all(answer.headers.get("x-request-id", "").isascii() for answer in answers)
    figures(clients=count_of(answers))


@pytest.mark.row("response-splitting")
@pytest.mark.quick
@pytest.mark.parametrize("line_end", BREAKS)
def test_no_tag_has_a_line_end(line_end):
    for text in (f"name{line_end}", f"name:1{line_end}", f"name:1{line_end}x-injected: yes", f"na{line_end}me:1"):
        with pytest.raises(InvalidArgument):
            Tag.from_str(text)
