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

PATIENCE_S = 20.0

SERVICE = """
import os
import jubako
from prometheus_client import Counter, Gauge
from jubako.io import JSON

ORDERS = Counter("orders", "Orders.")
Gauge("workers_here", "One each.").set(1)
svc = jubako.Service("shop")

@svc.api(input=JSON(), output=JSON())
async def order(count):
    ORDERS.inc(count)
    return os.getpid()
"""


class Shop:
    """A `jubako serve` with two API workers, and one connection to each of them."""

    def __init__(self, process, port):
        self.process = process
        self.port = port
        self.connections = {}

    def ask(self, connection, method, path, body=None):
        connection.request(method, path, body, {"content-type": "application/json"})
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
    process = subprocess.Popen(
        [sys.executable, "-m", "jubako", "serve", "shop:svc", "--port", "0", "--workers", "2", "--backend", "inline"],
        cwd=folder,
        env={**clean, "JUBAKO_HOME": str(folder / "home"), "JUBAKO_PLUGINS": ""},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("Serving"):
                break
        address = re.search(r":(\d+) ", said[-1])
        assert address is not None, "".join(said)
        opened = Shop(process, int(address.group(1)))
        yield opened
        opened.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        process.stderr.close()


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
    # The gauge falls to 1 when the death is heard of, and is 2 again with the next process.
    while "1.0" not in (gauges := [gauge for gauge, _ in seen]) or gauges[-1] != "2.0":
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
        started_s = time.monotonic()
        text = shop.metrics(first)
        assert time.monotonic() - started_s < 5.0
        assert re.match(r"# The supervisor does not answer: these are the metrics of API worker [01] alone\.\n", text)
        assert total(text) < before + 7
    finally:
        os.kill(shop.process.pid, signal.SIGCONT)
    shop.wait_for(first, rf"^orders_total {before + 7}$")
