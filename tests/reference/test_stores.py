"""A program written for the reference that saves, looks at and deletes models and Bentos."""

from __future__ import annotations

PROGRAM = "stores"


def test_a_program_for_the_stores_runs_as_it_is(script):
    assert script("import manage") == "done\n"
