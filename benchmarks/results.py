"""The report of one comparison, and the files that keep it."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.measuring import Contestant, Load, Outcome
from benchmarks.table import make_ratios, make_table
from benchmarks.workloads import Workload

_PAGE = string.Template("""\
# $title

$table
Cells: requests/s · median latency in ms · 99th percentile in ms, for c connections; the median over $rounds.
CPU µs: processor time of the whole server for a request, at the most connections.
$alone$ratios
## How it was measured

    $command

- begun $begun; load average of the last minute: $loads
- $load
$machine
$versions

Servers:

$servers

Workloads:

$workloads
$failures""")


@dataclass(frozen=True)
class Facts:
    """What a report says besides the figures.

    Args:
        begun: when, with its time zone.
        load_average: of the machine over the minute before that.
        command: that was typed.
        machine: see `machine.describe_machine`.
        wrk_version: of the driver; empty where it takes no part.
        commit: of the sources.
    """

    begun: datetime
    load_average: float
    command: str
    machine: Mapping[str, str]
    wrk_version: str
    commit: str


def write_report(
    outcome: Outcome, contestants: Sequence[Contestant], workloads: Sequence[Workload], load: Load, facts: Facts
) -> str:
    """The whole report as a Markdown page; `ours` in it are the configurations of the peer `jubako`."""
    ours = [
        each.configuration.name
        for each in contestants
        if each.peer.name == "jubako" and not each.configuration.in_process
    ]
    ratios = make_ratios(outcome, ours)
    return _PAGE.substitute(
        title=" and ".join(dict.fromkeys(each.peer.name for each in contestants)),
        table=make_table(outcome),
        ratios=f"\n{ratios}" if ratios else "",
        alone=_explain_programs(contestants),
        rounds=_count_rounds(load),
        command=facts.command,
        begun=f"{facts.begun:%Y-%m-%d %H:%M %Z}",
        loads=_describe_load_average([cell.load_average for cell in outcome.cells], facts.load_average),
        load=_describe_load(load, facts.wrk_version),
        machine="\n".join(f"- {name}: {value}" for name, value in facts.machine.items()),
        versions=_list_versions(contestants, facts.commit),
        servers="\n".join(
            f"- {each.configuration.name}: `{' '.join(each.configuration.command)}`" for each in contestants
        )
        + "\n\nTheir settings and services are in `benchmarks/peers/`.",
        workloads="\n".join(f"- {workload.name}: {workload.title}" for workload in workloads),
        failures=_list_failures(outcome),
    )


def keep_report(page: str, figures: str, folder: Path, name: str) -> Path:
    """Write the page and the CSV of all measurements, and return the page's path.

    Nothing that is there is written over: if the name is taken, `-2`, `-3` and so on is added to it.

    Args:
        page: Markdown.
        figures: the CSV.
        folder: made if it is not there.
        name: of the files, without the ending.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number, path = 1, folder / f"{name}.md"
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.md"
    path.write_text(page, encoding="utf-8")
    path.with_suffix(".csv").write_text(figures, encoding="utf-8")
    return path


def _explain_programs(contestants: Sequence[Contestant]) -> str:
    names = [each.configuration.name for each in contestants if each.configuration.in_process]
    if not names:
        return ""
    return f"{', '.join(names)}: no server; the model alone in one process, driven in batches of c rows: rows/s.\n"


def _describe_load(load: Load, wrk_version: str) -> str:
    order = ", every second one in reverse order" if load.rounds > 1 else ""
    return (
        f"wrk {wrk_version}, one thread, keep-alive POSTs, a closed loop: {load.seconds} s a cell after "
        f"{load.warm_up_s} s of warm-up at {max(load.connections)} connections; "
        f"{_count_rounds(load)}{order}"
    )


def _count_rounds(load: Load) -> str:
    return "one round" if load.rounds == 1 else f"{load.rounds} rounds"


def _describe_load_average(during: Sequence[float], before: float) -> str:
    text = f"{before:.1f} before it"
    if during:
        text += f", {min(during):.1f} to {max(during):.1f} at the measurements, where the servers' own load is in it"
    return text


def _list_versions(contestants: Sequence[Contestant], commit: str) -> str:
    lines = {}
    for each in contestants:
        versions = ", ".join(f"{name} {version}" for name, version in each.environment.versions.items())
        sources = f" (commit {commit})" if each.peer.name == "jubako" else ""
        lines[each.peer.name] = f"- {each.peer.name}: {versions}{sources}"
    return "\n".join(lines.values())


def _list_failures(outcome: Outcome) -> str:
    if not outcome.failures:
        return ""
    listed = [
        f"{workload}, {server}:\n\n" + "\n".join(f"    {line}" for line in reason.splitlines())
        for (workload, server), reason in outcome.failures.items()
    ]
    return "\n## Not measured\n\n" + "\n\n".join(listed) + "\n"
