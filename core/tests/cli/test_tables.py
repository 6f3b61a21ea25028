"""Tables: what fits stays as it is, and what does not is wrapped or cut."""

from __future__ import annotations

import pytest

from jubako.cli._tables import UNLIMITED, format_table

ROWS = [("iris:" + "a" * 60, "sklearn", "a short remark"), ("b", "torch", "one that goes on " * 8)]


def test_columns_are_as_wide_as_what_they_hold():
    assert format_table(("TAG", "SIZE"), [("iris:1", "2 kB"), ("x", "10 kB")], 80) == (
        "TAG     SIZE\niris:1  2 kB\nx       10 kB"
    )


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_longer_than_the_terminal(width):
    lines = format_table(("TAG", "MODULE", "REMARK"), ROWS, width).splitlines()
    assert max(map(len, lines)) <= width


def test_a_cell_without_room_keeps_both_its_ends():
    (_, line, *_) = format_table(("TAG", "REMARK"), [("start" + "x" * 90 + "end", "a remark")], 60).splitlines()
    cell, remark = line.split("  ")
    assert cell.startswith("start")
    assert cell.endswith("end")
    assert "…" in cell
    assert remark == "a remark"


def test_the_last_column_is_wrapped():
    lines = format_table(("A", "B"), [("1", "one two three four five six seven")], 25).splitlines()
    assert lines == ["A  B", "1  one two three four", "   five six seven"]


def test_without_a_width_a_row_is_one_line_and_whole():
    lines = format_table(("TAG", "MODULE", "REMARK"), ROWS, UNLIMITED).splitlines()
    assert len(lines) == 1 + len(ROWS)
    assert lines[1].split() == [ROWS[0][0], "sklearn", "a", "short", "remark"]


def test_a_table_without_rows_is_its_headings():
    assert format_table(("A", "B"), [], 80) == "A  B"


def test_what_would_move_the_cursor_is_shown_as_an_escape():
    assert format_table(("A", "B"), [("\x1b[2J", "x\ny")], 80).splitlines()[1] == "\\x1b[2J  x\\ny"
