"""`python -m benchmarks compare` and `python -m benchmarks inprocess`."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType

from benchmarks.driver import find_wrk, read_wrk_version
from benchmarks.environments import open_environment
from benchmarks.errors import BenchmarkError
from benchmarks.in_process import make_csv as make_turns_csv
from benchmarks.in_process import measure_turns, write_page
from benchmarks.machine import describe_commit, describe_machine
from benchmarks.measuring import Contestant, Load, measure
from benchmarks.peer_settings import REPOSITORY, name_peers, read_peer
from benchmarks.results import Facts, keep_report, write_report
from benchmarks.table import make_csv
from benchmarks.workloads import WORKLOADS, Workload

# Git ignores it. Environments hold their own path, so they cannot be moved.
CACHE = REPOSITORY / ".benchmarks"
RESULTS = Path(__file__).with_name("results")
OURS = "jubako"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit status: 0, 1 if a server could not be measured, 2 if nothing could."""
    signal.signal(signal.SIGTERM, _interrupt)
    # Lines are seen as they are made, also in a pipe.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a text file, unless replaced
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parse(words)
    command = shlex.join(["python", "-m", "benchmarks", *words])
    try:
        return _compare(options, command) if options.command == "compare" else _drive_in_process(options, command)
    except BenchmarkError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; nothing was kept.", file=sys.stderr)
        return 130


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what is wrong is said on stderr, and ends the program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Jubako beside other servers.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    compare = commands.add_parser("compare", help="drive Jubako and peers in turn, and print one table")
    add = compare.add_argument
    add("--peers", type=_split, default=(), metavar="A,B", help=f"beside Jubako; of {', '.join(name_peers())}")
    add("--workloads", type=_workloads, default=tuple(WORKLOADS.values()), metavar="A,B", help="all if not given")
    add(
        "--jubako", type=_split, default=(), metavar="A,B", help="its configurations, such as process; all if not given"
    )
    add("--connections", type=_connections, metavar="N,N", help="1,16,64,256 if not given")
    add("--seconds", type=_positive, metavar="N", help="of each measurement; 10 if not given")
    add("--rounds", type=_positive, metavar="N", help="every second one in reverse order; 2 if not given")
    add(
        "--quick",
        action="store_true",
        help="a first impression: 1,64 connections, 2 seconds, one round; kept in the cache",
    )
    _add_common(compare)
    inprocess = commands.add_parser("inprocess", help="drive Jubako's runner and the model alone in turns, no server")
    inprocess.add_argument("workload", choices=("W3",), help="the one that has such a program")
    inprocess.add_argument("--seconds", type=_positive, metavar="N", help="of each turn; 2 if not given")
    inprocess.add_argument("--rounds", type=_positive, metavar="N", help="of five turns; 5 if not given")
    inprocess.add_argument("--quick", action="store_true", help="one round of one second; kept in the cache")
    _add_common(inprocess)
    options = parser.parse_args(words)
    options.cache = options.cache.resolve()
    return options


def _add_common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--name", type=_file_name, help="of the files with the results, after the date")
    add("--output", type=Path, metavar="DIR", help="folder for the results; benchmarks/results if not given")
    add("--cache", type=Path, default=CACHE, metavar="DIR", help="for environments; .benchmarks if not given")
    add("--renew", action="store_true", help="make the environments anew, with today's newest releases")


def choose_load(options: argparse.Namespace) -> Load:
    """The load that the options ask for; `--quick` changes what they leave open."""
    quick = options.quick
    return Load(
        connections=options.connections or ((1, 64) if quick else (1, 16, 64, 256)),
        seconds=options.seconds or (2 if quick else 10),
        warm_up_s=1 if quick else 3,
        rounds=options.rounds or (1 if quick else 2),
    )


def _compare(options: argparse.Namespace, command: str) -> int:
    wrk = find_wrk()
    load = choose_load(options)
    contestants = _open_contestants(options)
    workloads = options.workloads
    facts = _gather_facts(command, read_wrk_version(wrk))
    cells = len(contestants) * len(workloads) * load.rounds
    at_least_s = cells * (load.warm_up_s + load.seconds * len(load.connections))
    print(f"{cells} starts, {at_least_s / 60:.0f} minutes and more; load average {facts.load_average:.1f}")
    scratch = options.cache / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    outcome = measure(contestants, workloads, load, wrk=wrk, scratch=scratch, report=print)
    page = write_report(outcome, contestants, workloads, load, facts)
    name = options.name or "-".join([*options.peers, *(workload.name for workload in workloads)])
    _keep(page, make_csv(outcome.cells), options, facts, name)
    return 1 if outcome.failures else 0


def _drive_in_process(options: argparse.Namespace, command: str) -> int:
    peer = read_peer(OURS)
    print(f"{peer.name}: environment in {options.cache / peer.name}")
    environment = open_environment(peer, options.cache, renew=options.renew)
    seconds, rounds = options.seconds or (1 if options.quick else 2), options.rounds or (1 if options.quick else 5)
    facts = _gather_facts(command)
    turns = measure_turns(peer, environment, seconds, rounds)
    page = write_page(turns, environment.versions, facts, seconds)
    _keep(page, make_turns_csv(turns), options, facts, options.name or f"inprocess-{options.workload}")
    return 0


def _gather_facts(command: str, wrk_version: str = "") -> Facts:
    return Facts(
        begun=datetime.now().astimezone(),
        load_average=os.getloadavg()[0],
        command=command,
        machine=describe_machine(),
        wrk_version=wrk_version,
        commit=describe_commit(REPOSITORY),
    )


def _keep(page: str, figures: str, options: argparse.Namespace, facts: Facts, name: str) -> None:
    # What is too short to be quoted does not go among the results.
    folder = options.output or (options.cache / "results" if options.quick else RESULTS)
    path = keep_report(page, figures, folder, f"{facts.begun:%Y-%m-%d}-{name}")
    print(f"\n{page}\nKept in {path} and {path.with_suffix('.csv').name}")


def _open_contestants(options: argparse.Namespace) -> list[Contestant]:
    """Our chosen configurations first, then every configuration of the peers."""
    # All are read before the first environment is made, which takes its time.
    peers = [read_peer(name) for name in dict.fromkeys([OURS, *options.peers])]
    ours = peers[0].choose(f"{OURS}-{each}" for each in options.jubako) or peers[0].configurations
    asked = {workload.name for workload in options.workloads}
    # What the model takes alone is measured in every comparison that asks it.
    alone = [each for each in peers[0].configurations if each.in_process and asked & set(each.workloads)]
    ours = (*(each for each in ours if not each.in_process), *alone)
    contestants = []
    for peer in peers:
        print(f"{peer.name}: environment in {options.cache / peer.name}")
        environment = open_environment(peer, options.cache, renew=options.renew)
        chosen = ours if peer is peers[0] else peer.configurations
        contestants += [Contestant(peer, each, environment) for each in chosen]
    return contestants


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _workloads(text: str) -> tuple[Workload, ...]:
    unknown = [name for name in _split(text) if name not in WORKLOADS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no workload is named {unknown[0]!r}; choose of {', '.join(WORKLOADS)}")
    return tuple(WORKLOADS[name] for name in _split(text))


def _connections(text: str) -> tuple[int, ...]:
    return tuple(sorted({_positive(word) for word in _split(text)}))


def _file_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a file; use letters, digits, dots and dashes")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Stop on SIGTERM as on Ctrl-C, with all servers."""
    raise KeyboardInterrupt
