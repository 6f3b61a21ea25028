from __future__ import annotations

import re

import pytest

from benchmarks.driver import find_wrk, parse_reading
from benchmarks.errors import BenchmarkError

PRINTED = """Running 2s test @ http://127.0.0.1:3000/total
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    30.53ms   23.44ms 250.94ms   86.14%
4539 requests in 2.00s, 803.32KB read
Requests/sec:   2268.79

measured {"requests": 4539, "duration_us": 2000000, "p50_us": 26100.000000, "p99_us": 91000.500000, \
"max_us": 250940.000000, "connect": 1, "read": 2, "write": 3, "timeout": 4, "status": 39}
"""


def test_a_reading_is_taken_from_the_line_of_the_script():
    reading = parse_reading(PRINTED)

    assert (reading.p50_ms, reading.p99_ms, reading.requests) == (26.1, 91.0005, 4539)


def test_answers_with_an_error_status_do_not_count_as_throughput():
    assert parse_reading(PRINTED).requests_per_s == 2250


def test_errors_of_every_kind_are_counted():
    assert parse_reading(PRINTED).errors == 1 + 2 + 3 + 4 + 39


def test_output_without_that_line_is_an_error_that_quotes_it():
    with pytest.raises(BenchmarkError, match="unable to connect"):
        parse_reading("unable to connect to 127.0.0.1:3000 Connection refused")


def test_a_missing_wrk_is_an_error_that_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BenchmarkError, match=re.escape("Do: apt-get install wrk")):
        find_wrk()
