"""Requests that have less time than their answer takes."""

from __future__ import annotations

import time

import pytest

from tests.faults.access.asking import ask
from tests.faults.access.targets import NOTING, SLOW
from tests.faults.load import closed_loop, open_loop
from tests.faults.watched import Request, Watched

TIMEOUT = "x-request-timeout"
WAYS = ("/ask_model", "/ask_model_in_thread", "/wait", "/wait_in_thread")
GOOD = Request("/ask_model", "21")


def lines_of(server: Watched, name: str) -> int:
    """How many lines a service has written to a file."""
    path = server.folder / name
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.row("deadline")
@pytest.mark.parametrize("backend", ["process", "inline"])
async def test_a_request_of_50_ms_is_answered_504_in_time_however_its_function_waits(attack, figures, backend):
    server = attack(SLOW, "--backend", backend, good=GOOD)
    for path in WAYS:
        load = await closed_loop(server.port, path, "1", callers=1, requests=8, headers=[(TIMEOUT, "0.05")])
        assert set(load.statuses) == {504}, (path, load.statuses)
        took_ms = sorted(answer.took_s * 1000 for answer in load.answers)
        # The fastest is how it is made, the others how busy the machine is. A model that is known to need longer is
        # refused at once.
        assert took_ms[0] < 75, (path, took_ms)
        assert took_ms[-1] < 1500, (path, took_ms)
        if backend == "process":
            figures(**{f"median of {path} in ms": round(took_ms[len(took_ms) // 2], 1)})
        for answer in load.answers:
            assert b"urn:jubako:problem:deadline-exceeded" in answer.body
    assert ask(server.port, "/ask_model", b"21").json == 42


@pytest.mark.row("deadline")
@pytest.mark.parametrize("backend", ["process", "inline"])
async def test_work_that_is_late_is_not_started(attack, figures, length, backend):
    server = attack(SLOW, "--backend", backend, good=GOOD)
    before = lines_of(server, "rows")
    load = await open_loop(server.port, "/ask_model", "1", rate=100, seconds=length(2, 30), headers=[(TIMEOUT, "0.05")])
    assert set(load.statuses) <= {504, 429}, load.statuses
    assert load.statuses[504] > len(load.answers) / 2
    computed = lines_of(server, "rows") - before
    # The first calls are let through, for nobody knows yet how long the model takes; later one a second, to see
    # whether it still does.
    assert computed <= 16 + load.seconds * 4
    if backend == "process":
        saved = len(load.answers) - computed
        figures(calls_saved=f"{saved:,} of {len(load.answers):,}", p99_ms=load.percentile_ms(99))


@pytest.mark.row("deadline")
async def test_calls_that_wait_behind_others_are_dropped_when_they_are_late(attack, figures):
    server = attack(SLOW, good=GOOD, JUBAKO_RUNNERS__BATCHING__MAX_BATCH_SIZE="1")
    before = lines_of(server, "rows")

    async def ask_at_once(count: int, seconds: str) -> object:
        return await closed_loop(
            server.port, "/ask_model", "1", callers=count, requests=count, headers=[(TIMEOUT, seconds)]
        )

    # Ten times 200 ms, one after the other, in half a second: the first ones are answered, the last never begun.
    load = await ask_at_once(10, "0.5")
    assert set(load.statuses) <= {200, 429, 504}
    assert 1 <= load.statuses[200] <= 3
    assert lines_of(server, "rows") - before <= 4
    figures(behind_others=f"{lines_of(server, 'rows') - before} of 10 computed, {load.statuses[200]} answered")


@pytest.mark.row("deadline")
async def test_a_function_that_waits_for_a_thread_until_it_is_late_is_not_called(attack):
    server = attack(SLOW, good=GOOD, JUBAKO_SERVER__SYNC_THREADS="1", JUBAKO_SERVER__SYNC_WAITING="20")
    load = await closed_loop(server.port, "/wait_in_thread", "1", callers=10, requests=10, headers=[(TIMEOUT, "0.1")])
    assert set(load.statuses) == {504}
    # Behind all that were there before; it is called, and of them only the first was.
    assert ask(server.port, "/wait_in_thread", b"7").json == 7
    assert lines_of(server, "threads") == 2


@pytest.mark.row("deadline")
@pytest.mark.quick
def test_the_servers_own_time_cannot_be_lengthened(attack):
    server = attack(SLOW, good=Request("/readyz"), JUBAKO_SERVER__TIMEOUT_S="0.1")
    for asked in ("", "0.15", "3600"):
        answer = ask(server.port, "/wait", b"1", headers={TIMEOUT: asked})
        assert answer.status == 504
        assert "0.1 s" in answer.json["detail"]


@pytest.mark.row("deadline")
@pytest.mark.quick
def test_a_time_that_is_none_is_a_400_and_nothing_is_called(attack):
    server = attack(NOTING, good=Request("/readyz"))
    for value in ("0", "-1", "+1", "1e3", "nan", "inf", "1_0", "1s", "50ms", "1,5", ".5", "9" * 4000, "\xb2"):
        answer = ask(server.port, "/note", b"1", headers={TIMEOUT: value})
        assert answer.status == 400, value
        assert answer.json["field"] == "X-Request-Timeout"
        assert len(answer.body) < 1000
    assert not (server.folder / "calls").exists()


@pytest.mark.row("deadline")
def test_a_body_that_comes_too_late_is_a_408_in_the_clients_own_time(attack):
    server = attack(NOTING, good=Request("/readyz"))
    began = time.monotonic()
    answer = ask(server.port, "/note", b"", headers={"content-length": "3", TIMEOUT: "0.2"})
    assert answer.status == 408
    assert 0.2 <= time.monotonic() - began < 3.0
    assert not (server.folder / "calls").exists()
