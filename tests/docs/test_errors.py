"""docs/errors.md names every error that can be caught, with its status."""

from __future__ import annotations

import re
from pathlib import Path

from jubako import exceptions

PAGE = (Path(__file__).parents[2] / "docs/errors.md").read_text(encoding="utf-8")


def test_every_error_is_on_the_page():
    assert [name for name in exceptions.__all__ if f"`{name}`" not in PAGE] == []


def test_each_has_the_status_that_the_page_says():
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE)
    assert len(rows) > 20
    assert rows == [(name, str(getattr(exceptions, name).error_code)) for name, _ in rows]


def test_each_is_what_the_page_says_it_is_too():
    for name, parent in re.findall(r"^\| `(\w+)` .* It is an? `(\w+)`", PAGE, re.MULTILINE):
        assert issubclass(getattr(exceptions, name), getattr(exceptions, parent, ValueError))
    for alias, name in re.findall(r"`(\w+)`\s+is\s+`(\w+)`", PAGE):
        assert getattr(exceptions, alias) is getattr(exceptions, name)
