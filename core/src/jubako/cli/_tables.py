"""Plain text tables that fit the terminal.

The last column is wrapped; if that is not enough, the longest cells of the others lose their middle. Where the width
is `UNLIMITED`, as in a pipe, nothing is wrapped or cut, and each row is one line.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

UNLIMITED = 1_000_000
"""The width of what has no width."""

_GAP = "  "
_CUT = "…"
# Narrower than this, a cell says nothing any more; the line is then longer than the terminal.
_MIN_LAST_WIDTH = 20
_MIN_WIDTH = 12


def format_table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Lay out rows below headings, without a trailing line feed.

    Args:
        headings: one a column.
        rows: one text a column each; what could move the cursor is shown as an escape.
        width: characters that a line may have.
    """
    cells = [[printable(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    gaps = len(_GAP) * (len(widths) - 1)
    *widths, last = widths
    wanted_last = min(last, _MIN_LAST_WIDTH)
    _narrow(widths, [len(heading) for heading in headings], width - gaps - wanted_last)
    last_width = max(width - gaps - sum(widths), wanted_last, 1)
    return "\n".join(line for row in cells for line in _lines(row, widths, last_width))


def printable(text: str) -> str:
    """The text without what could move the cursor or end the line: it may come from files that others have written."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def printable_lines(text: str) -> str:
    """The same of a text of several lines, which stay lines."""
    return "\n".join(map(printable, text.expandtabs().split("\n")))


def _narrow(widths: list[int], headings: Sequence[int], most: int) -> None:
    """Take from the widest column, as long as there is one to take from, until all fit."""
    while sum(widths) > most:
        spare = [width - max(_MIN_WIDTH, heading) for width, heading in zip(widths, headings, strict=False)]
        if max(spare, default=0) <= 0:
            return
        widest = max((column for column in range(len(widths)) if spare[column] > 0), key=widths.__getitem__)
        widths[widest] -= 1


def _lines(row: Sequence[str], widths: Sequence[int], last_width: int) -> Iterator[str]:
    *cells, last = row
    for number, part in enumerate(textwrap.wrap(last, last_width, break_on_hyphens=False) or [""]):
        shown = [_cut(cell, width) for cell, width in zip(cells, widths, strict=True)]
        shown = shown if number == 0 else [""] * len(cells)
        yield _GAP.join([*(cell.ljust(width) for cell, width in zip(shown, widths, strict=True)), part]).rstrip()


def _cut(cell: str, width: int) -> str:
    """The cell, or its two ends: tags and paths differ at the end as often as at the start."""
    if len(cell) <= width:
        return cell
    start = (width - len(_CUT)) // 2
    return cell[:start] + _CUT + cell[len(cell) - (width - len(_CUT) - start) :]
