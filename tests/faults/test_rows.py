"""Every row of docs/reliability.md has a test, or says what it waits for."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.rows import BY_KEY, ROWS, SECTIONS

HERE = Path(__file__).parent


def test_keys_are_unique_and_in_a_section():
    assert len(BY_KEY) == len(ROWS)
    assert {row.section for row in ROWS} == {section.key for section in SECTIONS}


def test_every_row_has_a_test_or_says_what_it_waits_for():
    named = set()
    for path in HERE.rglob("test_*.py"):
        named.update(re.findall(r"""mark\.row\(\s*["']([a-z0-9-]+)["']""", path.read_text()))
    assert not {row.key for row in ROWS if not row.later} - named
