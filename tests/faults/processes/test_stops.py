"""Signals in every phase, stuck clients, and new generations under load."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time

import pytest

from tests.faults.load import closed_loop
from tests.faults.processes.faulty_client import COMPUTE, SLEEP, ask, row, said, under_load


@pytest.mark.row("stop-under-load")
def test_a_stop_with_500_requests_in_flight(serving, length, figures):
    model_s = length(2, 6)
    served = serving(
        JUBAKO_RUNNERS__BATCHING__MAX_BATCH_SIZE="512",
        JUBAKO_SERVER__DRAIN_S="15",
        JUBAKO_SERVER__LOGGING__ACCESS__ENABLED="false",
        ends=True,
    )

    async def stop():
        loading = asyncio.create_task(
            closed_loop(served.port, "/ask", row(SLEEP, model_s), callers=500, requests=500, patience_s=50)
        )
        # All are there: what has begun and what waits.
        await asyncio.to_thread(served.wait_until, lambda: in_progress(served) >= 499)
        began = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(served.wait_until_refused)
        refused_s = time.monotonic() - began
        load = await loading
        code = await asyncio.to_thread(served.ended)
        return load, refused_s, code, time.monotonic() - began

    load, refused_s, code, seconds = asyncio.run(stop())
    assert load.statuses == {200: 500}
    assert code == 0
    # Two batches, one after the other, and what it takes to end.
    assert seconds < 2 * model_s + 10
    assert seconds < 15 + 5
    figures(lost=load.lost_of, refused_after_s=round(refused_s, 2), ended_after_s=round(seconds, 1), drain_s=15)


def in_progress(served):
    """How many requests are being answered, by the metrics."""
    text = served.get("/metrics")[1].decode()
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("jubako_request_in_progress") and 'api="ask"' in line
    )


@pytest.mark.row("stop-under-load")
def test_a_server_that_stops_says_first_that_it_is_not_ready(serving, figures):
    served = serving(ends=True)
    asking = served.ask("/ask", row(SLEEP, 2), "application/json")
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        # Begun before the stop, so that the connection stays.
        request = f"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1:{served.port}\r\n".encode()
        connection.sendall(request)
        time.sleep(0.5)
        served.process.send_signal(signal.SIGTERM)
        served.wait_until_refused()
        connection.sendall(b"\r\n")
        answer = connection.recv(65536)
    assert not answer or answer.startswith(b"HTTP/1.1 503"), answer
    assert asking.answered()[0] == 200
    assert served.ended() == 0
    figures(readiness=answer[9:12].decode() or "closed")


@pytest.mark.row("stop-stuck-client")
@pytest.mark.parametrize(
    "held_back",
    [b"content-type: application/json\r\ncontent-length: 6\r\n\r\n[0,", b"content-ty"],
    ids=["body", "headers"],
)
def test_a_client_that_holds_half_of_its_request_back_does_not_hold_up_a_stop(serving, figures, held_back):
    served = serving(JUBAKO_SERVER__DRAIN_S="2", ends=True)
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(f"POST /ask HTTP/1.1\r\nhost: 127.0.0.1:{served.port}\r\n".encode() + held_back)
        time.sleep(0.3)
        began = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        assert served.ended() == 0
        seconds = time.monotonic() - began
    # The drain time and one second, and what a busy machine takes to end four processes.
    assert seconds < 2 + 1 + 3
    figures(drain_s=2, ended_after_s=round(seconds, 2))


@pytest.mark.row("signals")
@pytest.mark.parametrize("phase", ["import", "load"])
def test_a_stop_while_the_service_starts(start, folder, phase, figures):
    if phase == "import":
        text = (folder / "faulty.py").read_text()
        (folder / "faulty.py").write_text(text + "\n(HERE / 'begun').touch()\ntime.sleep(60)\n")
    else:
        (folder / "load").write_text("never")
    served = start(ends=True)
    if phase == "import":
        served.wait_until_begun()
    else:
        served.wait_until(lambda: served.pids("jubako-replica"))
    began = time.monotonic()
    assert served.stop() == 0
    figures(**{f"during_{phase}_s": round(time.monotonic() - began, 2)})
    assert time.monotonic() - began < 10


@pytest.mark.row("signals")
def test_a_stop_while_a_new_generation_starts(serving, folder):
    served = serving(ends=True)
    (folder / "load").write_text("never")
    served.process.send_signal(signal.SIGHUP)
    served.wait_until(lambda: len(served.pids("jubako-replica")) == 2)
    asking = served.ask("/ask", row(SLEEP, 1), "application/json")
    time.sleep(0.3)
    assert served.stop() == 0
    assert asking.answered()[0] == 200


@pytest.mark.row("signals")
def test_a_second_signal_cuts_a_stop_short(serving):
    served = serving(ends=True)
    asking = served.ask("/ask", row(SLEEP, 40), "application/json")
    time.sleep(0.3)
    began = time.monotonic()
    served.process.send_signal(signal.SIGTERM)
    # For one wish to stop there may be two signals; this is another one.
    time.sleep(1.5)
    served.process.send_signal(signal.SIGTERM)
    assert served.ended() == 128 + signal.SIGTERM
    assert time.monotonic() - began < 20
    assert isinstance(asking.answered(), Exception) or asking.answered()[0] == 503


@pytest.mark.quick
@pytest.mark.row("signals")
def test_ctrl_c_reaches_every_process_and_stops_in_order(serving):
    served = serving("--workers", "2", ends=True)
    asking = served.ask("/ask", row(SLEEP, 1), "application/json")
    served.wait_until_begun()
    os.killpg(served.process.pid, signal.SIGINT)
    assert asking.answered()[0] == 200
    assert served.ended() == 0
    assert "Traceback" not in served.text


@pytest.mark.row("reload-under-load")
def test_good_broken_and_slow_versions_under_load(serving, folder, length, figures):
    served = serving("--workers", "2", replicas=2)
    source = (folder / "faulty.py").read_text()
    waits_s = {}

    async def line(pattern):
        began = time.monotonic()
        await asyncio.to_thread(served.wait_for_line, pattern)
        return round(time.monotonic() - began, 1)

    async def reload():
        await asyncio.sleep(0.5)
        (folder / "version").write_text("2")
        served.process.send_signal(signal.SIGHUP)
        waits_s["good_s"] = await line("generation 2 serves")
        (folder / "faulty.py").write_text(source + "\nraise RuntimeError('a slip of the pen')\n")
        (folder / "version").write_text("3")
        served.process.send_signal(signal.SIGHUP)
        waits_s["broken_s"] = await line("the old one goes on: .*a slip of the pen")
        (folder / "faulty.py").write_text(source)
        (folder / "load").write_text("slow 2")
        (folder / "version").write_text("4")
        served.process.send_signal(signal.SIGHUP)
        waits_s["slow_s"] = await line("generation 4 serves")

    load = asyncio.run(under_load(served, reload, rate=length(30, 100), seconds=length(20, 40)))
    assert load.statuses == {200: len(load.answers)}
    answers = [said(answer) for answer in load.answers]
    # Its worker and its replica are of one version, and so is everything that a process has computed.
    seen = {(each["api_version"], each["version"]) for each in answers}
    # On a busy machine the load may be over before the slow version serves; then the next answer is of it.
    _, after = ask(served, COMPUTE, 1)
    assert (after["api_version"], after["version"]) == (4, 4)
    assert {(1, 1), (2, 2)} <= seen <= {(1, 1), (2, 2), (4, 4)}
    versions = {}
    for each in answers:
        versions.setdefault((each["pid"], each["batch"]), set()).add(each["version"])
    assert all(len(each) == 1 for each in versions.values())
    (folder / "load").write_text("")
    figures(lost=load.lost_of, max_ms=load.percentile_ms(100), **waits_s)


@pytest.mark.row("signals")
def test_sighup_again_and_again_leaves_one_generation(serving, folder, figures):
    served = serving(replicas=2)
    for _ in range(5):
        served.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
    (folder / "version").write_text("2")
    served.process.send_signal(signal.SIGHUP)
    served.wait_until(lambda: ask(served, COMPUTE, 1)[1].get("api_version") == 2)
    assert json.loads(served.get("/readyz")[1])["ready"]
