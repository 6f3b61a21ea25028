"""Cells to make tables of, and a server that is quick to start."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import pytest

from benchmarks.environments import Environment
from benchmarks.measuring import Cell
from benchmarks.peer_settings import Configuration, Endpoint, Peer

CELL = Cell(
    workload="W1",
    server="jubako-inline",
    connections=1,
    round=1,
    requests_per_s=100.0,
    p50_ms=1.0,
    p99_ms=2.0,
    requests=1000,
    errors=0,
    cpu_us=300.0,
    ready_s=0.5,
    rss_mb=50.0,
    pss_mb=40.0,
    load_average=1.0,
)

# Adds up the numbers that are posted to it, plus sys.argv[2].
ADDING_SERVER = """
import http.server, json, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = json.dumps([sum(json.loads(body)["x"]) + float(sys.argv[2])]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def make_cell():
    """A cell of round 1 of W1, with some fields replaced."""

    def make(**fields):
        return dataclasses.replace(CELL, **fields)

    return make


@pytest.fixture
def environment(tmp_path):
    """The environment of the tests, as if it were a peer's."""
    return Environment(Path(sys.prefix), tmp_path, dict(os.environ), {"adder": "1.0"})


@pytest.fixture
def make_peer(tmp_path):
    """A peer with one configuration, `adder`, that runs a program with a port and more arguments."""

    def make(program=ADDING_SERVER, argument="0"):
        configuration = Configuration(
            "adder", ("python", "-c", program, "$port", argument), {"W1": Endpoint("/", '{"x": $row}')}
        )
        return Peer("adder", tmp_path, (), (), (configuration,))

    return make
