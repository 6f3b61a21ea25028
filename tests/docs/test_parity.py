"""Every row of the table of the reference's names cites tests that are there, or the issue that will build it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference-parity.md"

_HEADER = ["Reference", "Jubako", "Shown by", "Differs on purpose"]
_TEST = re.compile(r"`([\w/]+/test_\w+\.py)::((?:\w+::)?\w+)`")
_LATER = re.compile(r"\*waits for:\* \S")


def rows(page: str) -> list[list[str]]:
    """The cells of every row of every table, without the headers."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if row != _HEADER and set("".join(row)) - set("-: ")]


def missing_tests(row: list[str]) -> list[str]:
    """What a row cites that is no function of that test file, or that is not written as pytest takes it."""
    cited = _TEST.findall(row[2])
    wrong = [word for word in _TEST.sub("", row[2]).split() if "::" in word]
    return wrong + [f"{path}::{name}" for path, name in cited if name not in _functions(ROOT / path)]


@pytest.mark.parametrize("row", rows(PAGE.read_text("utf-8")), ids=lambda row: row[0][:60])
def test_every_row_has_its_tests(row):
    assert len(row) == len(_HEADER), "a bar inside a cell is written \\|"
    assert row[0]
    assert row[1]
    assert _TEST.search(row[2]) or _LATER.search(row[2]) or row[3], "a test, what it waits for, or why it is not there"
    assert not missing_tests(row)


def test_every_signature_that_is_compared_has_a_row():
    names = [name.rpartition(".")[2] for name in _constant(ROOT / "tests/reference/test_signatures.py", "SIGNATURES")]
    text = " ".join(row[0] for row in rows(PAGE.read_text("utf-8")))
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


def test_a_test_that_is_not_there_is_found():
    row = ["a name", "the same", "`tests/docs/test_parity.py::test_every_row_has_its_tests`", ""]
    assert not missing_tests(row)
    row[2] += " `tests/docs/test_parity.py::TestNo::test_such` `tests/docs/test_nowhere.py::test_x`"
    assert missing_tests(row) == ["tests/docs/test_parity.py::TestNo::test_such", "tests/docs/test_nowhere.py::test_x"]
    row[2] = "tests/docs/test_parity.py::test_every_row_has_its_tests"
    assert missing_tests(row) == [row[2]]


def _constant(path: Path, name: str) -> Any:
    """What a module assigns to a name, without importing it."""
    assignments = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.Assign)]
    return next(ast.literal_eval(node.value) for node in assignments if ast.unparse(node.targets[0]) == name)


def _functions(path: Path) -> set[str]:
    """The functions of a test module and of its classes, as pytest names them."""
    if not path.is_file():
        return set()
    body = ast.parse(path.read_text("utf-8")).body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    inside = {f"{node.name}::{name}" for node in classes for name in _named(node.body)}
    return {*_named(body), *inside}


def _named(body: list[ast.stmt]) -> list[str]:
    return [node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
