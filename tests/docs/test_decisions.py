"""Every decision is in the list, and has the form of a decision."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
DECISIONS = sorted(path.name for path in FOLDER.glob("[0-9]*.md"))


def test_the_list_has_every_decision_once_in_order():
    text = (FOLDER / "README.md").read_text("utf-8")
    listed = re.findall(r"^\| \[(\d{4})\]\((\1-[a-z0-9-]+\.md)\) \|", text, re.MULTILINE)
    assert [name for _, name in listed] == DECISIONS


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_has_context_choice_and_price(name):
    text = (FOLDER / name).read_text("utf-8")
    assert text.startswith(f"# {name[:4]} ")
    places = [text.find(f"**{part}.**") for part in ("Context", "Choice", "Price")]
    assert -1 < places[0] < places[1] < places[2]
