"""`/metrics` of a server with several processes, some of which are killed."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

PATIENCE_S = 60.0

SERVICE = """
import logging
import os
import jubako
import numpy as np
from prometheus_client import Counter, Gauge
from jubako.io import JSON

ORDERS = Counter("orders", "Orders.")
WEIGHED = Counter("weighed", "Things that were weighed, where the scales are.")
WORKERS = Gauge("workers_here", "One each.")

class Scales(jubako.Runner):
    def _setup(self):
        pass

    def _run_batch(self, weights):
        WEIGHED.inc(len(weights))
        logging.getLogger("scales").warning("weighing")
        if (weights < 0).any():
            raise ValueError("less than nothing")
        return np.full(len(weights), os.getpid())

scales = Scales("scales")
svc = jubako.Service("shop", runners=[scales])

@svc.api(input=JSON(), output=JSON())
async def order(count):
    WORKERS.set(1)
    ORDERS.inc(count)
    return os.getpid()

@svc.api(input=JSON(), output=JSON())
async def weigh(weight):
    return int(await scales.async_run(np.array([float(weight)])))
"""


class Shop:
    """A `jubako serve` with two API workers, and one connection to each of them."""

    def __init__(self, process, port, log):
        self.process = process
        self.port = port
        self.log = log
        self.connections = {}

    def ask(self, connection, method, path, body=None, **headers):
        connection.request(method, path, body, {"content-type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, response.read().decode()

    def connect(self):
        """Connect anew until both workers are reached; returns their process numbers, and what was ordered so far."""
        self.close()
        end = time.monotonic() + PATIENCE_S
        while len(self.connections) < 2:
            assert time.monotonic() < end, "one worker takes all connections"
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
            status, pid = self.ask(connection, "POST", "/order", "0")
            assert status == 200
            if self.connections.setdefault(json.loads(pid), connection) is not connection:
                connection.close()
        first, second = self.connections
        return first, second, total(self.wait_for(first, r"^orders_total "))

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    def order(self, pid, count):
        assert self.ask(self.connections[pid], "POST", "/order", str(count)) == (200, str(pid))

    def metrics(self, pid):
        status, text = self.ask(self.connections[pid], "GET", "/metrics")
        assert status == 200
        return text

    def wait_for(self, pid, line):
        end = time.monotonic() + PATIENCE_S
        while not re.search(line, text := self.metrics(pid), re.MULTILINE):
            assert time.monotonic() < end, f"no line {line!r} in:\n{text}"
            time.sleep(0.02)
        return text


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SERVICE)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("JUBAKO_")}
    log = folder / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "jubako", "serve", "shop:svc", "--port", "0", "--workers", "2"],
            cwd=folder,
            env={**clean, "JUBAKO_HOME": str(folder / "home"), "JUBAKO_PLUGINS": ""},
            stderr=stderr,
        )
    try:
        end = time.monotonic() + PATIENCE_S
        while (
            address := re.search(r"^Serving shop at http://127.0.0.1:(\d+) ", log.read_text(), re.MULTILINE)
        ) is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        opened = Shop(process, int(address.group(1)), log)
        yield opened
        opened.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def total(text):
    return float(re.search(r"^orders_total (\S+)$", text, re.MULTILINE).group(1))


def test_every_worker_tells_the_sum_and_what_a_dead_one_counted_stays(shop):
    first, second, before = shop.connect()
    shop.order(first, 3)
    shop.order(second, 4)
    for pid in (first, second):
        text = shop.wait_for(pid, rf"^orders_total {before + 7}$")
        assert re.search(r"^workers_here 2\.0$", text, re.MULTILINE)
        assert re.search(r'^process_resident_memory_bytes\{role="api",slot="1"\} ', text, re.MULTILINE)
    os.kill(first, signal.SIGKILL)
    shop.connections.pop(first).close()
    seen = []
    end = time.monotonic() + PATIENCE_S
    # The gauge falls when the death is heard of: that of the next process is not set before an order comes.
    while "1.0" not in [gauge for gauge, _ in seen]:
        assert time.monotonic() < end, seen
        text = shop.metrics(second)
        gauge = re.search(r"^workers_here (\S+)$", text, re.MULTILINE).group(1)
        seen.append((gauge, total(text)))
    assert {orders for _, orders in seen} == {before + 7}


def test_without_a_supervisor_a_worker_tells_of_itself_and_says_so(shop):
    first, second, before = shop.connect()
    shop.order(first, 3)
    shop.order(second, 4)
    shop.wait_for(first, rf"^orders_total {before + 7}$")
    os.kill(shop.process.pid, signal.SIGSTOP)
    try:
        text = shop.metrics(first)
        assert re.match(r"# The supervisor does not answer: these are the metrics of API worker [01] alone\.\n", text)
        assert total(text) < before + 7
    finally:
        os.kill(shop.process.pid, signal.SIGCONT)
    shop.wait_for(first, rf"^orders_total {before + 7}$")


def test_what_a_replica_counted_stays_when_it_is_killed(shop):
    worker, _, _ = shop.connect()
    connection = shop.connections[worker]
    for _ in range(3):
        status, replica = shop.ask(connection, "POST", "/weigh", "1")
        assert status == 200
    shop.wait_for(worker, r"^weighed_total 3\.0$")
    os.kill(int(replica), signal.SIGKILL)
    # Waits for the next replica within its deadline.
    status, successor = shop.ask(connection, "POST", "/weigh", "1")
    assert (status, successor != replica) == (200, True)
    seen = []
    end = time.monotonic() + PATIENCE_S
    while seen[-1:] != [4.0]:
        assert time.monotonic() < end, seen
        seen.append(float(re.search(r"^weighed_total (\S+)$", shop.metrics(worker), re.MULTILINE).group(1)))
    assert set(seen) <= {3.0, 4.0}
    text = shop.metrics(worker)
    assert re.search(r'^jubako_batch_size_count\{.*runner="scales".*\} 4\.0$', text, re.MULTILINE)
    assert re.search(r'^process_open_fds\{role="replica scales",slot="0"\} ', text, re.MULTILINE)


def test_lines_of_a_replica_name_the_request_that_it_computed_for(shop):
    worker, _, _ = shop.connect()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"x-request-id": "find-me", "traceparent": trace}
    status, _ = shop.ask(shop.connections[worker], "POST", "/weigh", "-1", **headers)
    assert status == 500
    lines = [json.loads(line) for line in shop.log.read_text().splitlines() if "find-me" in line]
    of_replica = [line for line in lines if line["role"] == "replica scales"]
    assert [(line["logger"], line["traceparent"]) for line in of_replica] == [
        ("scales", trace),
        ("jubako.dispatch", trace),
    ]
    assert "ValueError: less than nothing" in of_replica[1]["trace"]
    assert any(line["role"] == "api" for line in lines)
