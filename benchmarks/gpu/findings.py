"""What was found, as records, as a table and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from benchmarks.table import format_markdown


@dataclass(frozen=True)
class Finding:
    """One figure, or one check.

    Args:
        part: which of the program's parts.
        subject: of what, such as a model and its type of numbers.
        figure: measured; in words for people.
        bar: what it has to be; empty if it is only told.
        holds: True if it is that; None if there is no bar.
    """

    part: str
    subject: str
    figure: str
    bar: str = ""
    holds: bool | None = None


def at_least(part: str, subject: str, value: float, bar: float) -> Finding:
    """A share that has a least value."""
    return Finding(part, subject, f"{value:.1%}", f"at least {bar:.0%}", value >= bar)


def at_most(part: str, subject: str, value: float, bar: float, unit: str) -> Finding:
    """A quantity that has a largest value."""
    return Finding(part, subject, f"{value:.3g} {unit}", f"at most {bar:.3g} {unit}", value <= bar)


def make_table(findings: Sequence[Finding]) -> str:
    """One line a finding, in their order."""
    verdicts = {True: "yes", False: "NO", None: ""}
    lines = [["part", "of", "found", "has to be", "holds"]]
    lines += [[each.part, each.subject, each.figure, each.bar, verdicts[each.holds]] for each in findings]
    return format_markdown(lines, left=5)


def make_csv(findings: Sequence[Finding]) -> str:
    """The same for programs."""
    output = io.StringIO()
    writer = csv.DictWriter(output, [field.name for field in fields(Finding)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(finding) for finding in findings)
    return output.getvalue()
