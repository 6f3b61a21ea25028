from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benchmarks.command_line import parse
from benchmarks.in_process import Turn, make_csv, make_table, measure_turns, shares_of_raw, write_page
from benchmarks.results import Facts

# The machine grows slower: the runner is compared with what the model did around it.
TURNS = [
    Turn(*values)
    for values in [
        ("raw", 1, 1000.0),
        ("batches", 1, 900.0),
        ("raw", 1, 800.0),
        ("rows", 1, 560.0),
        ("raw", 1, 600.0),
        ("raw", 2, 500.0),
        ("batches", 2, 400.0),
        ("raw", 2, 500.0),
        ("rows", 2, 250.0),
        ("raw", 2, 500.0),
    ]
]


def test_each_turn_of_the_runner_is_divided_by_the_models_around_it():
    assert list(shares_of_raw(TURNS)) == [("batches", 1.0), ("rows", 0.8), ("batches", 0.8), ("rows", 0.5)]


def test_the_table_has_medians_and_extremes():
    assert make_table(TURNS).splitlines()[2:] == [
        "| the model alone, in batches of 64                        |    550 |                |       |         |",
        "| the runner, called with 64 rows at a time by 3 callers   |    650 |            90% |   80% |    100% |",
        "| the runner, called with one row at a time by 192 callers |    405 |            65% |   50% |     80% |",
    ]


def test_every_turn_is_kept():
    assert make_csv(TURNS[:2]) == "turn,round,rows_per_s\nraw,1,1000.0\nbatches,1,900.0\n"


def test_the_page_says_how_it_was_measured():
    facts = Facts(
        datetime(2026, 11, 24, 1, 0, tzinfo=UTC), 0.2, "python -m benchmarks inprocess W3", {"cores": "2"}, "", "abc"
    )

    page = write_page(TURNS, {"torch": "2.13.0"}, facts, 2)

    for fact in ["python -m benchmarks inprocess W3", "2 rounds of 2 s turns", "cores: 2", "torch 2.13.0 (commit abc)"]:
        assert fact in page


def test_what_the_program_prints_is_read(make_peer, environment, tmp_path):
    (tmp_path / "told.py").write_text(
        'import json, sys; print(json.dumps({"turn": "raw", "round": int(sys.argv[4]), "rows_per_s": 2.5}))'
    )

    assert measure_turns(make_peer(), environment, 2, 5, program="told") == [Turn("raw", 5, 2.5)]


def test_only_workloads_with_a_program_are_driven_in_process(capsys):
    assert parse(["inprocess", "W3", "--quick"]).quick
    with pytest.raises(SystemExit):
        parse(["inprocess", "W1"])
    assert "invalid choice: 'W1'" in capsys.readouterr().err
