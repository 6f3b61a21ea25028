from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benchmarks.measuring import Contestant, Load, Outcome
from benchmarks.results import Facts, keep_report, write_report
from benchmarks.table import make_csv
from benchmarks.workloads import WORKLOADS


@pytest.fixture
def write(make_peer, environment):
    def write(outcome):
        peer = make_peer()
        contestant = Contestant(peer, peer.configurations[0], environment)
        begun = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
        facts = Facts(begun, 0.2, "python -m benchmarks compare", {"cores": "2"}, "4.1.0", "abc123")
        return write_report(outcome, [contestant], [WORKLOADS["W1"]], Load((1, 64), 10, 3, 2), facts)

    return write


def test_a_report_says_how_it_was_measured(make_cell, write):
    page = write(Outcome((make_cell(load_average=0.31), make_cell(round=2, load_average=4.0)), {}))

    for fact in [
        "python -m benchmarks compare",
        "begun 2026-11-23 12:30 UTC; load average of the last minute: 0.2 before it, 0.3 to 4.0 at",
        "wrk 4.1.0",
        "10 s a cell after 3 s of warm-up at 64 connections; 2 rounds",
        "cores: 2",
        "adder: adder 1.0",
        "W1: overhead",
    ]:
        assert fact in page


def test_a_report_gives_the_reasons_of_failures(write):
    page = write(Outcome((), {("W1", "adder"): "it ended with 1 before it was ready:\nno such model"}))

    assert page.endswith(
        "## Not measured\n\nW1, adder:\n\n    it ended with 1 before it was ready:\n    no such model\n"
    )


def test_results_are_kept_as_a_page_and_a_csv_and_never_written_over(make_cell, tmp_path):
    figures = make_csv([make_cell()])

    paths = [keep_report(page, figures, tmp_path / "results", "2026-11-23-all") for page in ("first", "second")]

    assert [path.name for path in paths] == ["2026-11-23-all.md", "2026-11-23-all-2.md"]
    assert [path.read_text() for path in paths] == ["first", "second"]
    assert all(path.with_suffix(".csv").read_text().startswith("workload,") for path in paths)
