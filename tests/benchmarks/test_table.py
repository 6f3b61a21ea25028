from __future__ import annotations

import csv
import io

from benchmarks.measuring import CELL_FIELDS, Outcome
from benchmarks.table import format_markdown, make_csv, make_ratios, make_table


def read_table(text):
    lines = [[word.strip() for word in line.strip("|").split("|")] for line in text.splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def test_a_line_holds_the_medians_over_the_rounds(make_cell):
    cells = [
        make_cell(round=number, requests_per_s=rate, p50_ms=p50, p99_ms=p99)
        for number, rate, p50, p99 in [(1, 1000, 1.0, 9.0), (2, 3000, 3.0, 300.0), (3, 1200, 2.0, 250.4)]
    ]

    (line,) = read_table(make_table(Outcome(tuple(cells), {})))

    assert line["c=1"] == "1,200 · 2.0 · 250"


def test_memory_is_the_median_of_the_largest_size_in_each_round(make_cell):
    sizes = {(1, 1): 10.0, (1, 64): 30.0, (2, 1): 50.0, (2, 64): 40.0}
    cells = [make_cell(round=number, connections=count, rss_mb=size) for (number, count), size in sizes.items()]

    (line,) = read_table(make_table(Outcome(tuple(cells), {})))

    assert line["RSS MB"] == "40"


def test_processor_time_is_that_of_the_most_connections(make_cell):
    cells = [
        make_cell(connections=count, round=number, cpu_us=count * number) for count in (1, 64) for number in (1, 2)
    ]

    (line,) = read_table(make_table(Outcome(tuple(cells), {})))

    assert line["CPU µs"] == "96"


def test_memory_that_could_not_be_read_is_a_dash(make_cell):
    (line,) = read_table(make_table(Outcome((make_cell(rss_mb=None, pss_mb=None),), {})))

    assert (line["RSS MB"], line["PSS MB"]) == ("-", "-")


def test_errors_are_added_up(make_cell):
    cells = (make_cell(errors=2), make_cell(round=2, errors=3))

    (line,) = read_table(make_table(Outcome(cells, {})))

    assert line["errors"] == "5"


def test_lines_are_in_the_order_of_measurement_within_each_workload(make_cell):
    names = [("W1", "b"), ("W1", "a"), ("W2", "a"), ("W2", "b")]
    cells = tuple(make_cell(workload=workload, server=server) for workload, server in names)

    lines = read_table(make_table(Outcome(cells, {})))

    assert [(line["workload"], line["server"]) for line in lines] == names


def test_a_server_that_failed_has_a_line_that_says_so(make_cell):
    lines = read_table(make_table(Outcome((make_cell(),), {("W1", "broken"): "it ended with 1"})))

    assert [(line["server"], line["c=1"], line["errors"]) for line in lines][1:] == [("broken", "-", "failed")]


def test_a_server_that_failed_in_a_later_round_keeps_its_figures_and_is_marked(make_cell):
    outcome = Outcome((make_cell(),), {("W1", "jubako-inline"): "a wrong answer"})

    (line,) = read_table(make_table(outcome))

    assert line["c=1"].startswith("100")
    assert line["errors"] == "failed"


def test_ratios_are_ours_divided_by_each_of_the_others(make_cell):
    cells = (
        make_cell(requests_per_s=300),
        make_cell(requests_per_s=500, round=2),
        make_cell(server="slow", requests_per_s=160),
        make_cell(server="idle", requests_per_s=0),
    )

    lines = read_table(make_ratios(Outcome(cells, {}), ["jubako-inline"]))

    assert [(line["divided by those of"], line["c=1"]) for line in lines] == [("slow", "2.50"), ("idle", "-")]


def test_there_are_no_ratios_without_a_peer(make_cell):
    assert make_ratios(Outcome((make_cell(),), {}), ["jubako-inline"]) == ""


def test_the_csv_holds_every_cell_with_all_fields(make_cell):
    cells = (make_cell(p50_ms=1.23456), make_cell(round=2, rss_mb=None))

    lines = list(csv.DictReader(io.StringIO(make_csv(cells))))

    assert tuple(lines[0]) == CELL_FIELDS
    assert [(line["round"], line["p50_ms"], line["rss_mb"]) for line in lines] == [
        ("1", "1.235", "50.0"),
        ("2", "1.0", ""),
    ]


def test_a_markdown_table_aligns_words_to_the_left_and_figures_to_the_right():
    text = format_markdown([["name", "n"], ["a", "100"]], left=1)

    assert text == "| name |   n |\n| ---- | --: |\n| a    | 100 |\n"
