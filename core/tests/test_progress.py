"""`jubako._progress`: work that says how far it is."""

from __future__ import annotations

import contextlib

from jubako._progress import tracking, using_progress


def test_work_that_nobody_looks_at_is_done_all_the_same():
    with tracking("exporting", 10) as advance:
        advance(10)


def test_who_looks_hears_each_piece_of_work_and_its_parts():
    heard = []

    @contextlib.contextmanager
    def show(label, total_bytes):
        heard.append((label, total_bytes))
        yield heard.append
        heard.append("done")

    with using_progress(show), tracking("exporting", 10) as advance:
        advance(4)
        advance(6)
    with tracking("importing", None) as advance:
        advance(1)
    assert heard == [("exporting", 10), 4, 6, "done"]
