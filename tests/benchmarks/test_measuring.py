from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.measuring import Contestant, Load, measure, plan_starts
from benchmarks.workloads import WORKLOADS


def test_every_second_round_goes_in_reverse():
    assert list(plan_starts(["a", "b"], 3)) == [(1, "a"), (1, "b"), (2, "b"), (2, "a"), (3, "a"), (3, "b")]


def test_a_server_that_fails_is_left_out_of_later_rounds_and_its_reason_kept(make_peer, environment, tmp_path):
    peer = make_peer(program="raise SystemExit('out of order')")
    contestants = [Contestant(peer, peer.configurations[0], environment)]
    lines = []

    outcome = measure(
        contestants, [WORKLOADS["W1"]], Load((1,), 1, 1, 2), wrk=Path("wrk"), scratch=tmp_path, report=lines.append
    )

    assert outcome.cells == ()
    assert "out of order" in outcome.failures["W1", "adder"]
    assert len(lines) == 1


def test_a_program_without_a_server_is_measured_in_batches_of_as_many_rows_as_connections(
    make_peer, environment, tmp_path
):
    program = """
import json, sys
for size in sys.argv[1].split(","):
    print(json.dumps({"size": int(size), "rows": 640, "rows_per_s": 64.0, "p50_ms": 1, "p99_ms": 2, "cpu_us": 3.5}))
"""
    peer = make_peer()
    configuration = dataclasses.replace(
        peer.configurations[0], command=("python", "-c", program, "$connections", "$seconds"), in_process=True
    )

    outcome = measure(
        [Contestant(peer, configuration, environment)],
        [WORKLOADS["W1"]],
        Load((1, 64), seconds=1, warm_up_s=1, rounds=1),
        wrk=Path("wrk"),
        scratch=tmp_path,
        report=lambda line: None,
    )

    assert not outcome.failures
    assert [(cell.connections, cell.requests, cell.ready_s) for cell in outcome.cells] == [
        (1, 640, None),
        (64, 640, None),
    ]


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_a_server_is_measured_under_each_number_of_connections(make_peer, environment, tmp_path):
    peer = make_peer()

    outcome = measure(
        [Contestant(peer, peer.configurations[0], environment)],
        [WORKLOADS["W1"]],
        Load((1, 2), seconds=1, warm_up_s=1, rounds=1),
        wrk=Path(shutil.which("wrk")),
        scratch=tmp_path,
        report=lambda line: None,
    )

    assert not outcome.failures
    assert [cell.connections for cell in outcome.cells] == [1, 2]
    assert all(cell.requests > 0 and cell.p99_ms >= cell.p50_ms > 0 for cell in outcome.cells)
    assert all(cell.cpu_us > 0 for cell in outcome.cells if sys.platform == "linux")
