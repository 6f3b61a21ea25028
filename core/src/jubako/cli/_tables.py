"""Plain text tables that fit the terminal: the last column is wrapped, the others are as wide as what they hold."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

_GAP = "  "
# A last column narrower than this is not worth the wrapping; the line is then longer than the terminal.
_MIN_LAST_WIDTH = 20


def format_table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Lay out rows below headings, without a trailing line feed.

    Args:
        headings: one a column.
        rows: one text a column each.
        width: characters that a line may have.
    """
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings) - 1)]
    last_width = max(width - sum(widths) - len(_GAP) * len(widths), _MIN_LAST_WIDTH)
    return "\n".join(line for row in (headings, *rows) for line in _lines(row, widths, last_width))


def _lines(row: Sequence[str], widths: Sequence[int], last_width: int) -> Iterator[str]:
    *cells, last = row
    for number, part in enumerate(textwrap.wrap(last, last_width, break_on_hyphens=False) or [""]):
        shown = cells if number == 0 else [""] * len(cells)
        yield _GAP.join([*(cell.ljust(width) for cell, width in zip(shown, widths, strict=True)), part]).rstrip()
