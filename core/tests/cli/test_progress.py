"""Bars of long work: their words, and where there are none."""

from __future__ import annotations

import io
import sys

import click
import pytest
from click.testing import CliRunner

from jubako._progress import tracking
from jubako.cli._progress import _drawing, format_bytes, format_duration, progress_line, showing_progress
from jubako.cli._verbosity import verbosity_options


def test_a_line_tells_share_bytes_rate_and_remaining_time():
    assert progress_line("exporting iris:1", 50_000_000, 200_000_000, 5.0, 120) == (
        "exporting iris:1  [######..................]  25%  50.0 MB of 200.0 MB  10.0 MB/s  0:15"
    )


def test_a_line_without_a_total_tells_bytes_and_rate():
    assert progress_line("pulling", 1_500_000, None, 3.0, 80) == "pulling  1.5 MB  500.0 kB/s"


def test_on_a_narrow_terminal_the_bar_gets_shorter_before_the_label_is_cut():
    assert progress_line("packing model iris", 506_500_000, 2_100_000_000, 0.4, 80) == (
        "packing model iris  [#.......]  24%  506.5 MB of 2.1 GB  1.3 GB/s  0:01"
    )


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_line_fits_the_terminal(width):
    assert len(progress_line("a label " * 9, 5, 10, 1.0, width)) < width


def test_what_grows_meanwhile_is_done_at_most():
    assert "100%" in progress_line("copying", 300, 200, 1.0, 120)


def test_bytes_and_durations_are_for_people():
    assert [format_bytes(count) for count in (0, 999, 1000, 999_949, 999_960, 2_500_000_000)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "999.9 kB",
        "1.0 MB",
        "2.5 GB",
    ]
    assert [format_duration(seconds) for seconds in (0, 7.4, 754, 3723)] == ["0:00", "0:07", "12:34", "1:02:03"]


def test_a_bar_is_drawn_again_at_most_ten_times_a_second_and_goes_with_the_work():
    now = 0.0
    stream = io.StringIO()
    with _drawing("copying", 100, stream, lambda: now) as advance:
        for _ in range(100):
            now += 0.01
            advance(1)
    drawn = stream.getvalue().split("\r\x1b[K")
    assert 9 <= len([line for line in drawn if line]) <= 12
    assert drawn[-1] == ""


@click.command()
@verbosity_options
def working():
    """Work."""
    with showing_progress(), tracking("copying iris", 10) as advance:
        advance(10)
    click.echo("done")


def test_there_is_no_bar_in_a_pipe():
    done = CliRunner().invoke(working)
    assert (done.stdout, done.stderr) == ("done\n", "")


@pytest.mark.parametrize(("more", "is_shown"), [({}, True), ({"TERM": "dumb"}, False)])
def test_a_bar_is_drawn_on_a_terminal_that_has_a_cursor(terminal, more, is_shown):
    code = (
        "from jubako._progress import tracking\n"
        "from jubako.cli._progress import showing_progress\n"
        "with showing_progress(), tracking('copying iris', 10) as advance:\n"
        "    advance(10)\n"
        "print('done')"
    )
    lines = terminal(80, "-c", code, program=sys.executable, **more)
    assert any(line.startswith("\x1b[Kcopying iris") for line in lines) == is_shown
    assert lines[-1] == ("\x1b[Kdone" if is_shown else "done")


def test_verbose_tells_of_each_piece_of_work():
    assert CliRunner().invoke(working, ["--verbose"]).stderr.startswith("jubako.cli._progress: copying iris: 10 B in ")
