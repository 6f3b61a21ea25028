"""The figures of a comparison as tables in Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Callable, Iterable, Sequence

from benchmarks.measuring import CELL_FIELDS, Cell, Outcome

_NOTHING = "-"
_SEPARATOR = " · "


def make_table(outcome: Outcome) -> str:
    """One line a workload and server; figures are medians over the rounds, errors are summed.

    A cell reads: requests/s · p50 ms · p99 ms.
    """
    connections = sorted({cell.connections for cell in outcome.cells})
    header = ["workload", "server", *(f"c={count}" for count in connections)]
    lines = [[*header, "CPU µs", "ready s", "RSS MB", "PSS MB", "errors"]]
    for workload, server in _name_lines(outcome):
        cells = [cell for cell in outcome.cells if (cell.workload, cell.server) == (workload, server)]
        at = {count: [cell for cell in cells if cell.connections == count] for count in connections}
        lines.append(
            [
                workload,
                server,
                *(_format_cell(at[count]) for count in connections),
                _format(median_of(at[connections[-1]], lambda cell: cell.cpu_us) if cells else None, ",.0f"),
                _format(median_of(cells, lambda cell: cell.ready_s), ".1f"),
                # A server grows under load: of each round its largest size counts.
                _format(_median_of_peaks(cells, lambda cell: cell.rss_mb), ",.0f"),
                _format(_median_of_peaks(cells, lambda cell: cell.pss_mb), ",.0f"),
                "failed" if (workload, server) in outcome.failures else str(sum(cell.errors for cell in cells)),
            ]
        )
    return format_markdown(lines, left=2)


def make_ratios(outcome: Outcome, ours: Sequence[str]) -> str:
    """Our median requests/s as multiples of each other server's, one line a workload and pair; empty if there is none.

    Args:
        outcome: with cells of both.
        ours: the names of our configurations.
    """
    connections = sorted({cell.connections for cell in outcome.cells})
    lines = [["workload", "requests/s of", "divided by those of", *(f"c={count}" for count in connections)]]
    pairs = _name_lines(outcome)
    for workload, server in pairs:
        for _, other in [pair for pair in pairs if pair[0] == workload and pair[1] not in ours]:
            if server in ours:
                ratios = [_divide(outcome.cells, workload, server, other, count) for count in connections]
                lines.append([workload, server, other, *(_format(ratio, ".2f") for ratio in ratios)])
    return format_markdown(lines, left=3) if len(lines) > 1 else ""


def make_csv(cells: Iterable[Cell]) -> str:
    """Every measurement of every round, one a line, in the order of measurement."""
    output = io.StringIO()
    writer = csv.DictWriter(output, CELL_FIELDS, lineterminator="\n")
    writer.writeheader()
    for cell in cells:
        values = ((name, getattr(cell, name)) for name in CELL_FIELDS)
        writer.writerow({name: round(value, 3) if isinstance(value, float) else value for name, value in values})
    return output.getvalue()


def format_markdown(lines: Sequence[Sequence[str]], *, left: int) -> str:
    """A Markdown table that is also readable as text.

    Args:
        lines: the header first; all of one length.
        left: how many columns are aligned to the left; figures go to the right.
    """
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]

    def join(words: Iterable[str]) -> str:
        return "| " + " | ".join(words) + " |"

    def pad(line: Sequence[str]) -> str:
        aligned = zip(line, widths, strict=True)
        return join(
            word.ljust(width) if column < left else word.rjust(width) for column, (word, width) in enumerate(aligned)
        )

    rule = join("-" * width if column < left else "-" * (width - 1) + ":" for column, width in enumerate(widths))
    return "\n".join([pad(lines[0]), rule, *(pad(line) for line in lines[1:])]) + "\n"


def median_of(cells: Iterable[Cell], read: Callable[[Cell], float | None]) -> float | None:
    """The median of one figure of some cells; nothing if none of them has it."""
    values = [value for value in map(read, cells) if value is not None]
    return statistics.median(values) if values else None


def _median_of_peaks(cells: Sequence[Cell], read: Callable[[Cell], float | None]) -> float | None:
    peaks: dict[int, float] = {}
    for cell in cells:
        value = read(cell)
        if value is not None:
            peaks[cell.round] = max(value, peaks.get(cell.round, 0.0))
    return statistics.median(peaks.values()) if peaks else None


def _name_lines(outcome: Outcome) -> list[tuple[str, str]]:
    """Workload and server of each line, in the order of the first measurement; a workload's failures come last."""
    measured = dict.fromkeys((cell.workload, cell.server) for cell in outcome.cells)
    workloads = dict.fromkeys(workload for workload, _ in [*measured, *outcome.failures])
    return [
        pair for workload in workloads for pair in dict.fromkeys([*measured, *outcome.failures]) if pair[0] == workload
    ]


def _format_cell(cells: Sequence[Cell]) -> str:
    if not cells:
        return _NOTHING
    return _SEPARATOR.join(
        [
            _format(median_of(cells, lambda cell: cell.requests_per_s), ",.0f"),
            _format_ms(median_of(cells, lambda cell: cell.p50_ms)),
            _format_ms(median_of(cells, lambda cell: cell.p99_ms)),
        ]
    )


def _format_ms(value: float | None) -> str:
    return _format(value, ".1f" if value is not None and value < 100 else ",.0f")


def _format(value: float | None, form: str) -> str:
    return _NOTHING if value is None else format(value, form)


def _divide(cells: Sequence[Cell], workload: str, server: str, other: str, connections: int) -> float | None:
    def rate(name: str) -> float | None:
        wanted = (workload, name, connections)
        chosen = [cell for cell in cells if (cell.workload, cell.server, cell.connections) == wanted]
        return median_of(chosen, lambda cell: cell.requests_per_s)

    ours, theirs = rate(server), rate(other)
    return ours / theirs if ours is not None and theirs else None
