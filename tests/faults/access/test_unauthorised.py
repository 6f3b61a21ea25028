"""Every route without a key, with a wrong one, and with another service's."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from jubako.server.endpoints import PATHS
from tests.faults.access.asking import ask
from tests.faults.access.targets import NOTING
from tests.faults.watched import Request, Watched

KEYS = ("key-of-this-service", "another-key-of-it")
OTHER_KEY = "key-of-the-other-service"
PROBES = frozenset({"/healthz", "/livez", "/readyz"})
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

WRONG = {
    "none": {},
    "empty": {"authorization": "Bearer", "x-api-key": " "},
    "wrong": {"x-api-key": "wrong"},
    "the beginning of one": {"authorization": f"Bearer {KEYS[0][:-1]}"},
    "one and more": {"x-api-key": f"{KEYS[0]}x"},
    "in upper case": {"x-api-key": KEYS[0].upper()},
    "both, with a comma": {"x-api-key": ", ".join(KEYS)},
    "both, with a semicolon": {"authorization": f"Bearer {KEYS[0]};{KEYS[1]}"},
    "another scheme": {"authorization": f"Basic {KEYS[0]}"},
    "as a cookie": {"cookie": f"x-api-key={KEYS[0]}"},
    "the other service's": {"x-api-key": OTHER_KEY},
    "the other service's as a token": {"authorization": f"Bearer {OTHER_KEY}"},
    "not ASCII": {"x-api-key": "\xe9\xff"},
    "a long one": {"x-api-key": "x" * 8000},
}
# Ways to write a path that a probe's or another route's check might see differently.
DISGUISES = ("//{0}", "/./{0}", "/healthz/../{0}", "/%2e%2e/{0}", "/livez/%2e%2e/{0}", "/{0}/", "/{0};x=/healthz")


@pytest.fixture
def server(attack) -> Watched:
    return attack(NOTING, good=Request("/readyz"), JUBAKO_SERVER__API_KEYS=",".join(KEYS))


def routes_of(server: Watched) -> set[str]:
    """Every route that the server tells of, and those that stand in its code."""
    document = json.loads(ask(server.port, "/docs.json", headers={"x-api-key": KEYS[0]}).body)
    return set(document["paths"]) | set(PATHS)


@pytest.mark.row("unauthorised")
def test_no_route_but_the_probes_is_answered_without_a_key_of_this_service(server, figures):
    routes = routes_of(server)
    assert {"/note", "/v1/words/count", "/", "/docs.json", "/metrics"} <= routes
    closed = [*sorted(routes - PROBES), "/nothing", "/static/page.js", "/admin", "*"]
    closed += [disguise.format(route.strip("/")) for route in ("/note", "/metrics") for disguise in DISGUISES]
    answers = {
        (route, method, name): ask(server.port, route, method=method, headers=headers)
        for route in closed
        for name, headers in WRONG.items()
        for method in (METHODS if name in ("none", "wrong", "the other service's") else ("GET", "POST"))
    }
    refused = [key for key, answer in answers.items() if answer.status == 401]
    assert refused == list(answers), set(answers) - set(refused)
    for (_, method, _), answer in answers.items():
        assert answer.headers["www-authenticate"] == "Bearer"
        # The same to everybody: nothing says whether there is such a route, or how much of a key was right.
        assert method == "HEAD" or answer.json["detail"] == next(iter(answers.values())).json["detail"]
    assert not (server.folder / "calls").exists()
    for key in KEYS:
        assert key not in server.text
    figures(refused=f"{len(refused)} of {len(answers)}", routes=len(closed))


@pytest.mark.row("unauthorised")
def test_probes_are_open_and_tell_nothing_but_a_state(server):
    for probe in PROBES:
        for headers in WRONG.values():
            answer = ask(server.port, probe, headers=headers)
            assert answer.status == 200
            assert answer.body in (b"\n", b'{"ready":true,"reasons":[]}')


@pytest.mark.row("unauthorised")
@pytest.mark.quick
def test_each_key_opens_every_route_in_both_ways(server):
    for key in KEYS:
        for headers in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}, {"authorization": f"bearer  {key} "}):
            assert ask(server.port, "/note", b"1", headers=headers).body == b"1"
            for route in ("/", "/docs.json", "/metrics"):
                assert ask(server.port, route, headers=headers).status == 200


@pytest.mark.row("unauthorised")
def test_the_keys_of_two_services_open_one_each(tmp_path, serve):
    servers = {}
    for name, key in (("one", KEYS[0]), ("two", OTHER_KEY)):
        folder = Path(tmp_path) / name
        folder.mkdir()
        (folder / "service.py").write_text(NOTING)
        servers[key] = serve(folder, "service:svc", good=Request("/readyz"), JUBAKO_SERVER__API_KEYS=key)
    for server in servers.values():
        server.wait_until_ready()
    for own, server in servers.items():
        for key in servers:
            status = ask(server.port, "/note", b"1", headers={"x-api-key": key}).status
            assert status == (200 if key == own else 401)


@pytest.mark.row("unauthorised")
def test_a_body_without_a_key_is_not_read(server):
    began = time.monotonic()
    # The length is a promise that is not kept: whoever reads the body first waits for it.
    answer = ask(server.port, "/note", b"", headers={"content-length": "1000"})
    assert answer.status == 401
    assert time.monotonic() - began < 5.0
