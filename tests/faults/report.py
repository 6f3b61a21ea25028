"""Writes the tables of docs/reliability.md, below their headings, from what a run of the tests has measured.

`pytest tests/faults --full-length --figures FIGURES` measures, `python -m tests.faults.report FIGURES` writes. A row of
which nothing was measured keeps no old figures: it says so, or what it waits for.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.faults.rows import BY_KEY, ROWS, SECTIONS, Row

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

_UNITS = {"_s": "s", "_ms": "ms", "_mib": "MiB", "_kib": "KiB", "_percent": "%"}


def main(arguments: list[str]) -> None:
    """Write the tables."""
    figures = read_figures(Path(arguments[0]).read_text().splitlines())
    text = PAGE.read_text()
    for section in SECTIONS:
        table = "\n".join(table_of([row for row in ROWS if row.section == section.key], figures))
        pattern = re.compile(rf"(?<=^## {re.escape(section.title)}\n).*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
        text, count = pattern.subn(lambda _, table=table: f"\n{table}\n\n", text)
        if count != 1:
            raise SystemExit(f"{PAGE}: there is no heading {section.title!r}")
    PAGE.write_text(text.rstrip() + "\n")


def read_figures(lines: Iterable[str]) -> dict[str, list[str]]:
    """What was measured, by row; of a figure that one test has recorded several times, the last."""
    measured: dict[str, dict[tuple[str, str], str]] = {}
    for line in lines:
        record = json.loads(line)
        row = BY_KEY[record["row"]]
        for name, value in record["figures"].items():
            measured.setdefault(row.key, {})[record["test"], name] = describe(name, value)
    return {key: list(dict.fromkeys(values.values())) for key, values in measured.items()}


def describe(name: str, value: object) -> str:
    """A figure for people: `p99_ms=31.2` is read as `p99 31.2 ms`."""
    unit = next((ending for ending in _UNITS if name.endswith(ending)), "")
    words = name.removesuffix(unit).replace("_", " ").strip()
    number = f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    return " ".join(part for part in (words, number, _UNITS.get(unit, "")) if part)


def table_of(rows: Iterable[Row], figures: Mapping[str, list[str]]) -> list[str]:
    """The lines of one table."""
    lines = ["| fault | what holds | measured |", "|---|---|---|"]
    for row in rows:
        parts = list(figures.get(row.key, ()))
        if row.later:
            parts.append(f"*waits for:* {row.later}")
        lines.append(f"| {row.fault} | {row.must_hold} | {'; '.join(parts) or 'not measured'} |")
    return lines


if __name__ == "__main__":
    main(sys.argv[1:])
