"""`python -m benchmarks inprocess W3`: what the runner keeps of the speed that the model has alone."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from benchmarks.environments import Environment, run_program
from benchmarks.peer_settings import Peer
from benchmarks.results import Facts
from benchmarks.table import format_markdown

PROGRAM = "benchmarks.inprocess.handle"
RAW = "raw"
TITLES = {
    RAW: "the model alone, in batches of 64",
    "batches": "the runner, called with 64 rows at a time by 3 callers",
    "rows": "the runner, called with one row at a time by 192 callers",
}
"""What a turn is, by its name in what the program prints."""

# Importing torch and starting a runner, on a busy machine.
_STARTED_WITHIN_S = 120.0


@dataclass(frozen=True)
class Turn:
    """One measurement.

    Args:
        turn: one of `TITLES`.
        round: from 1.
        rows_per_s: answered.
    """

    turn: str
    round: int
    rows_per_s: float


def measure_turns(
    peer: Peer, environment: Environment, seconds: int, rounds: int, program: str = PROGRAM
) -> list[Turn]:
    """Run the program, a module, in an environment, and return what it measured, in order.

    Raises:
        BenchmarkError: it failed or took too long.
    """
    command = environment.fill(
        ("python", "-m", program, "--seconds", "$seconds", "--rounds", "$rounds"),
        seconds=str(seconds),
        rounds=str(rounds),
    )
    printed = run_program(command, environment.variables, peer, 5 * rounds * seconds + _STARTED_WITHIN_S)
    return [Turn(**json.loads(line)) for line in printed.splitlines()]


def shares_of_raw(turns: Sequence[Turn]) -> Iterator[tuple[str, float]]:
    """Of each turn of the runner: its name, and its rows/s divided by the mean of the model's turns around it."""
    for before, turn, after in zip(turns, turns[1:], turns[2:], strict=False):
        if turn.turn != RAW:
            yield turn.turn, 2 * turn.rows_per_s / (before.rows_per_s + after.rows_per_s)


def make_table(turns: Sequence[Turn]) -> str:
    """One line a kind of turn: median rows/s, and of the runner the median, least and largest share of the model's."""
    shares = list(shares_of_raw(turns))
    lines = [["", "rows/s", "of the model's", "least", "largest"]]
    for name, title in TITLES.items():
        rate = statistics.median(turn.rows_per_s for turn in turns if turn.turn == name)
        own = [share for turn, share in shares if turn == name]
        words = [f"{value:.0%}" for value in (statistics.median(own), min(own), max(own))] if own else ["", "", ""]
        lines.append([title, f"{rate:,.0f}", *words])
    return format_markdown(lines, left=1)


def make_csv(turns: Sequence[Turn]) -> str:
    """Every turn, one a line, in the order of measurement."""
    output = io.StringIO()
    writer = csv.DictWriter(output, [field.name for field in fields(Turn)], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**asdict(turn), "rows_per_s": round(turn.rows_per_s, 1)} for turn in turns)
    return output.getvalue()


def write_page(turns: Sequence[Turn], versions: Mapping[str, str], facts: Facts, seconds: int) -> str:
    """The whole report as a Markdown page."""
    rounds = max(turn.round for turn in turns)
    return f"""\
# W3 in process

{make_table(turns)}
The runner's handle on the inline backend, in one process, without HTTP, beside the model itself in the same process;
medians of {rounds} rounds of {seconds} s turns. Each turn of the runner is divided by the mean of the model's turns
before and after it. One thread computes; another one runs the callers and the dispatcher.

## How it was measured

    {facts.command}

- begun {facts.begun:%Y-%m-%d %H:%M %Z}; load average of the last minute: {facts.load_average:.1f} before it
{chr(10).join(f"- {name}: {value}" for name, value in facts.machine.items())}
- {", ".join(f"{name} {version}" for name, version in versions.items())} (commit {facts.commit})
"""
