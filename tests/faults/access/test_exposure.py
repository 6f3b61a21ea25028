"""What strangers learn: from refusals and failures of every kind, from logs, and from a server's mere address."""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.access.asking import Answer, ask, send
from tests.faults.access.targets import FAILING, NOTING
from tests.faults.watched import Request, Watched

TEXT = {"content-type": "text/plain"}
GOOD = Request("/table", "[[1, 2]]")
RAISED = ("runtime", "os", "key", "recursion", "memory", "stop", "exit", "cancelled", "timeout", "group")
LIBRARIES = ("quart", "flask", "werkzeug", "hypercorn", "h11", "h2", "jinja2", "numpy", "orjson", "pydantic", "attrs")


def failures_of(server: Watched) -> dict[str, Answer]:
    """Provoke every refusal and failure there is, by name."""
    port = server.port

    def post(path: str, body: str, **headers: str) -> Answer:
        return ask(port, path, body.encode(), headers={"content-type": "application/json", **headers})

    found = {f"{way} {how}": ask(port, way, how.encode(), headers=TEXT)
             for way in ("/fail", "/fail_in_thread")
             for how in (*RAISED, "unavailable", "late", "jubako", "not found", "unknown")}  # fmt: skip
    found |= {f"{way} {how}": post(way, json.dumps(how))
              for way in ("/ask", "/ask_in_thread")
              for how in ("raise", "exit", "rows", "unavailable", "late", "input", "die")}  # fmt: skip
    for way in ("/find_model", "/find_bento", "/load_service"):
        for tag in ("nothing", "nothing:1", "Not A Tag", "../../etc/passwd", "/etc/passwd"):
            found[f"{way} {tag}"] = post(way, json.dumps(tag))
    found |= {
        "unencodable": post("/unencodable", "1"),
        "misshapen": post("/misshapen", "1"),
        "undecodable": ask(port, "/undecodable", b"x", headers=TEXT),
        "forbidden header": ask(port, "/say", b"content-length=1", headers=TEXT),
        "no JSON": post("/table", "{"),
        "wrong shape": post("/table", "[1]"),
        "wrong value": post("/table", "[[1, 1000]]"),
        "ragged": post("/ask", "[[1], [2, 3]]"),
        "wrong type": post("/table", "<a/>", **{"content-type": "application/xml"}),
        "compressed": post("/table", "x", **{"content-encoding": "gzip"}),
        "wrong deadline": post("/table", "[[1, 2]]", **{"x-request-timeout": "never"}),
        "late": post("/slow", "1", **{"x-request-timeout": "0.05"}),
        "late body": ask(port, "/table", b"", headers={"content-length": "9", "x-request-timeout": "0.1"}),
        "too large": ask(port, "/table", b"", headers={"content-length": "99999999999"}),
        "no route": ask(port, "/nothing/../../etc/passwd"),
        "wrong method": ask(port, "/table"),
        "wrong method of a probe": ask(port, "/livez", b"", method="DELETE"),
        "foreign host": ask(port, "/", headers={"host": "evil.example"}),
        "foreign origin": ask(port, "/", headers={"origin": "https://evil.example"}),
        "both lengths": send(port, b"POST /table HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n"
                                   b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        "no HTTP": send(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        "no version": send(port, b"GET / HTTP/9.9\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
        "long headers": ask(port, "/", headers={"x-long": "x" * 70_000}),
    }  # fmt: skip
    with ThreadPoolExecutor(8) as threads:
        at_once = list(threads.map(lambda _: post("/slow_in_thread", "1"), range(8)))
    found |= {f"crowd {number}": answer for number, answer in enumerate(at_once)}
    return {name: answer for name, answer in found.items() if answer.status != 200}


def internals_of(server: Watched) -> dict[str, re.Pattern[bytes]]:
    """What no answer may hold, by what it is."""
    numbers = [server.process.pid, *server.processes()]
    versions = [sys.version.split()[0]]
    for library in (*LIBRARIES, "jubako"):
        version = importlib.metadata.version(library)
        # A short number may stand anywhere.
        versions += [version] if version.count(".") > 1 or len(version) > 4 else []
    return {
        "the secret of user code": re.compile(rb"the-secret"),
        "a path": re.compile(rb"/(?:home|root|tmp|usr|var|srv|opt|run|proc|dev)/|site-packages|service\.py"),
        "the service's folder": re.compile(re.escape(str(server.folder).encode())),
        "the temporary folder": re.compile(re.escape(str(server.temporary).encode())),
        "a socket": re.compile(rb"\.sock\b|unix:"),
        "a traceback": re.compile(rb"Traceback|File \"|line \d+, in |0x[0-9a-f]{6,}"),
        "an exception": re.compile(rb"\b(?:RuntimeError|OSError|KeyError|RecursionError|MemoryError|ExceptionGroup)\b"),
        "a process": re.compile(rb"\b(?:%s)\b" % b"|".join(b"%d" % number for number in numbers)),
        "a version": re.compile(rb"(?<![\d.])(?:%s)(?![\d.])" % b"|".join(re.escape(v.encode()) for v in versions)),
        "a library": re.compile(rb"\b(?:%s)\b" % b"|".join(name.encode() for name in LIBRARIES), re.IGNORECASE),
    }


@pytest.mark.row("exposure")
def test_no_refusal_or_failure_tells_of_the_inside(attack, figures):
    server = attack(FAILING, good=GOOD, JUBAKO_SERVER__SYNC_THREADS="1", JUBAKO_SERVER__SYNC_WAITING="2")
    internals = internals_of(server)
    failures = failures_of(server)
    assert {400, 403, 404, 405, 408, 413, 415, 421, 429, 500, 503, 504} <= {a.status for a in failures.values()}
    told = [(name, what, answer.raw) for name, answer in failures.items()
            for what, pattern in internals.items() if pattern.search(_without_echo(name, answer))]  # fmt: skip
    assert told == []
    figures(internals=f"0 in {len(failures)} refusals and failures")


def _without_echo(name: str, answer: Answer) -> bytes:
    """The answer without what the client itself had sent: a tag that is none is quoted back."""
    sent = name.rpartition(" ")[2] if name.startswith(("/find", "/load")) else ""
    # Ids are random, and dates are dates.
    noise = rb"(?mi)^(?:date|x-request-id|content-length):.*$|urn:jubako:request:[^\"]*|\"request_id\":\"[^\"]*\""
    clean = re.sub(noise, b"", answer.raw)
    return clean.replace(sent.encode(), b"") if sent.startswith("/") else clean


@pytest.mark.row("exposure")
def test_every_refusal_and_failure_has_an_id_that_the_log_knows(attack):
    server = attack(FAILING, ends=True, JUBAKO_SERVER__SYNC_THREADS="1", JUBAKO_SERVER__SYNC_WAITING="2")
    failures = failures_of(server)
    # What is no HTTP is refused before there is a request.
    without = {name for name, answer in failures.items() if "x-request-id" not in answer.headers}
    assert without <= {"no HTTP", "no version", "long headers"}
    for name in failures.keys() - without:
        answer = failures[name]
        assert answer.headers["content-type"] == "application/problem+json", name
        document = answer.json
        assert document["type"].startswith("urn:jubako:problem:")
        assert document["status"] == answer.status
        assert document["request_id"] == answer.headers["x-request-id"]
        assert document["instance"] == f"urn:jubako:request:{document['request_id']}"
    failed = [answer for answer in failures.values() if answer.status == 500]
    assert len(failed) > 20
    assert server.stop() == 0
    for answer in failed:
        lines = [line for line in server.lines if answer.headers["x-request-id"] in line]
        # Beside the line of its access, one that says what went wrong.
        assert [line for line in lines if '"event":"access"' not in line], answer
    assert "the-secret" in server.text


HOSTILE = "x\r\n2026-01-01T00:00:00.000Z api/0 INFO all is well\x1b[2J\x1b]0;owned\x07\x85\u2028"


@pytest.mark.row("exposure")
@pytest.mark.parametrize("line_format", ["text", "json"])
def test_nothing_a_client_sends_forges_a_line_or_brings_a_secret_into_the_log(attack, figures, line_format):
    service = FAILING.replace('"runtime": lambda: RuntimeError(SECRET)', '"runtime": lambda: RuntimeError(SENT[0])')
    service = service.replace("async def fail(how):", "async def fail(how):\n    SENT[:] = [how]\n    how = 'runtime'")
    server = attack(
        service.replace("SECRET =", "SENT = []\nSECRET ="), ends=True, JUBAKO_SERVER__LOGGING__FORMAT=line_format
    )
    secrets = {
        "authorization": "Bearer hunter2-token", "cookie": "session=hunter2-cookie", "x-api-key": "hunter2-key",
        "proxy-authorization": "Basic hunter2-basic",
    }  # fmt: skip
    port = server.port
    ask(port, "/table?token=hunter2-query", b"[[1, 2]]", headers=secrets)
    ask(port, "http://me:hunter2-user@localhost/nothing?token=hunter2-query", headers=secrets)
    ask(port, "/nothing%0d%0aforged%1b[2J?password=hunter2-query", headers=secrets)
    ask(port, "/" + "a" * 12_000)
    ask(port, "/livez", headers={"x-request-id": "a\x1b[2J", "traceparent": "00-\x1b[2J"})
    ask(port, "/livez", method="A" * 9000)
    body = f"{HOSTILE} https://me:hunter2-user@host/?q=hunter2-query 'Authorization': 'Bearer hunter2-token'"
    ask(port, "/fail", body.encode(), headers=TEXT)
    ask(port, "/table", b'[["hunter2-body"]]')
    ask(port, "/fail", b"a" * 200_000, headers=TEXT)
    assert server.stop() == 0
    log = server.text
    assert "hunter2" not in log, re.findall(r".{40}hunter2.{20}", log)
    lines = log.split("\n")
    assert not [line for line in lines if line.startswith("2026-01-01")]
    assert all(line.isprintable() for line in lines), [line for line in lines if not line.isprintable()]
    # A path and a message may be cut at 8 KiB each, and have their names beside them.
    assert max(map(len, lines)) < 18_000
    if line_format == "json":
        events = [json.loads(line) for line in lines if line.startswith("{")]
        assert len([event for event in events if event.get("event") == "access"]) >= 9
    figures(**{f"leaks into the log as {line_format}": 0})


@pytest.mark.row("exposure")
@pytest.mark.quick
def test_a_server_is_reached_from_this_machine_only_unless_it_is_told_otherwise(attack):
    server = attack(NOTING, good=Request("/readyz"))
    assert listening_at(server) == {f"0100007F:{server.port:04X}"}
    assert "Warning" not in server.text


@pytest.mark.row("exposure")
@pytest.mark.quick
@pytest.mark.parametrize(("keys", "is_warned"), [("", True), ("a-key", False)])
def test_an_address_that_all_can_reach_is_bound_alone_and_warned_of(tmp_path, serve, keys, is_warned):
    (tmp_path / "service.py").write_text(NOTING)
    environment = {"JUBAKO_SERVER__API_KEYS": keys} if keys else {}
    server = serve(tmp_path, "service:svc", "--host", "0.0.0.0", **environment)
    server.wait_until_ready()
    assert listening_at(server) == {f"00000000:{server.port:04X}"}
    assert ("Warning: whoever reaches 0.0.0.0 can use this service" in server.text) is is_warned


def listening_at(server: Watched) -> set[str]:
    """Addresses and ports, as the system writes them, at which any of a server's processes listens."""
    own = set()
    for pid in (server.process.pid, *server.processes()):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                own.add(str(link.readlink()))
            except FileNotFoundError:
                continue  # closed meanwhile
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            is_listening = state == "0A" or table.startswith("udp")
            if is_listening and f"socket:[{inode}]" in own:
                found.add(local)
    return found


ALLOWED, OTHER = "https://a.example", "https://b.example"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}


@pytest.mark.row("exposure")
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "with keys"])
@pytest.mark.parametrize("origins", ["", ALLOWED, f"{ALLOWED},https://c.example", "*"])
def test_pages_read_what_the_setting_says_and_no_more(tmp_path, serve, figures, origins, is_open):
    (tmp_path / "service.py").write_text(NOTING)
    environment = {} if is_open else {"JUBAKO_SERVER__API_KEYS": "a-key"}
    if origins:
        environment |= {"JUBAKO_SERVER__CORS__ENABLED": "true",
                        "JUBAKO_SERVER__CORS__ACCESS_CONTROL_ALLOW_ORIGIN": origins}  # fmt: skip
    # Open to all, for on 127.0.0.1 strangers do not come as far as CORS.
    server = serve(tmp_path, "service:svc", "--host", "0.0.0.0", **environment)
    server.wait_until_ready()
    checked = 0
    for origin in (ALLOWED, OTHER, "https://c.example", "http://a.example", "https://a.example:444", "null",
                   "https://A.EXAMPLE", "https://a.example.evil.test", "https://evila.example", ""):  # fmt: skip
        for path in ("/note", "/docs.json", "/livez", "/nothing"):
            for headers in ({}, PREFLIGHT):
                method = "OPTIONS" if headers else "GET"
                answer = ask(server.port, path, method=method, headers={**headers, "origin": origin})
                granted = answer.headers.get("access-control-allow-origin")
                if origins == "*" and origin:
                    assert granted == "*"
                else:
                    assert granted == (origin if origin and origin in origins.split(",") else None)
                assert "access-control-allow-credentials" not in answer.headers
                if granted is None:
                    assert not [name for name in answer.headers if name.startswith("access-control")]
                if origin and origins:
                    assert answer.headers["vary"] == "Origin"
                checked += 1
    figures(cors=f"{checked} of {checked} as set")


@pytest.mark.row("exposure")
@pytest.mark.quick
def test_the_page_runs_nothing_but_its_own_script_and_is_framed_by_nobody(attack):
    server = attack(NOTING, good=Request("/readyz"))
    headers = ask(server.port, "/").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not {"server", "x-powered-by", "via"} & headers.keys()


@pytest.mark.row("exposure")
@pytest.mark.quick
@pytest.mark.parametrize("flag", ["QUART_DEBUG", "FLASK_DEBUG"])
def test_a_server_that_is_told_to_debug_does_not_start(tmp_path, serve, flag):
    (tmp_path / "service.py").write_text(NOTING)
    server = serve(tmp_path, "service:svc", ends=True, **{flag: "1"})
    assert server.wait_for_line(r"(\w+) is set to|^Serving").group(1) == flag
    assert server.ended() == 1
