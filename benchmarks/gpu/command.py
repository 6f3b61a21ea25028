"""`python -m benchmarks.gpu [--device cuda:0|simulated|cpu] [--quick]`."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import torch

from benchmarks.errors import BenchmarkError
from benchmarks.gpu import parts
from benchmarks.gpu.findings import Finding, make_csv, make_table
from benchmarks.gpu.simulated import Simulated
from benchmarks.gpu.targets import Cpu, Cuda, Target
from benchmarks.machine import describe_commit, describe_machine
from benchmarks.peer_settings import REPOSITORY
from benchmarks.results import keep_report
from jubako.settings import load_settings
from jubako.workspace import open_workspace, using_workspace

RESULTS = REPOSITORY / "benchmarks" / "results"
# A part that is not begun by then is left out, and named; the longest takes about two minutes.
_LAST_BEGIN_S = 330.0
_QUICK = parts.Lengths(turn_s=1.0, rounds=1, latency_s=3.0, calls=1000)
_WHOLE = parts.Lengths(turn_s=4.0, rounds=3, latency_s=15.0, calls=10_000)

Part = Callable[[Target, parts.Lengths], AsyncIterator[Finding]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every part, print and keep what was found; 0, 1 if something does not hold, 2 if nothing could be run."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a text file, unless replaced
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parse(words)
    try:
        target = choose_target(options.device)
    except BenchmarkError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    begun = datetime.now().astimezone()
    load_average = os.getloadavg()[0]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(environment={"JUBAKO_HOME": home})
        with using_workspace(open_workspace(settings)):
            begun_s = time.monotonic()
            findings = asyncio.run(run_parts(target, _QUICK if options.quick else _WHOLE))
            lasted_s = time.monotonic() - begun_s
    facts = {
        "begun": f"{begun:%Y-%m-%d %H:%M %Z}, lasted {lasted_s:.0f} s, load average before it {load_average:.1f}",
        **target.describe(),
        **describe_machine(),
        "commit": describe_commit(REPOSITORY),
    }
    page = write_page(target.name, findings, facts, shlex.join(["python", "-m", "benchmarks.gpu", *words]))
    print(f"\n{page}")
    folder = options.output or (None if options.quick else RESULTS)
    if folder is not None:
        name = f"{begun:%Y-%m-%d}-gpu-{target.name.replace(':', '')}"
        print(f"Kept in {keep_report(page, make_csv(findings), folder, name)}")
    return 0 if all(finding.holds is not False for finding in findings) else 1


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what is wrong is said on stderr, and ends the program."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description="Check the PyTorch runner on a device."
    )
    add = parser.add_argument
    add("--device", default="cuda:0", help="cuda:N, cpu, or simulated; cuda:0 if not given")
    add("--quick", action="store_true", help="a first impression in a minute; not kept")
    add("--output", type=Path, metavar="DIR", help="folder for the results; benchmarks/results if not given")
    return parser.parse_args(words)


def choose_target(name: str) -> Target:
    """The place of this name.

    Raises:
        BenchmarkError: there is no such place, or it is not here.
    """
    if name == "cpu":
        return Cpu()
    if name == "simulated":
        return Simulated()
    kind, _, index = name.partition(":")
    if kind != "cuda" or not (index or "0").isdecimal():
        raise BenchmarkError(f"{name!r} is no device. Do: write cuda:0, cpu or simulated.")
    if int(index or 0) >= torch.cuda.device_count():
        raise BenchmarkError(
            f"the device {name} is not here: torch {torch.__version__} sees {torch.cuda.device_count()} GPUs. "
            "Do: run it where there is one, or with --device simulated or --device cpu."
        )
    return Cuda(f"cuda:{index or 0}")


async def run_parts(target: Target, lengths: parts.Lengths) -> list[Finding]:
    """Everything that was found; a part that fails is a finding too, and the others go on."""
    findings: list[Finding] = []
    begun_s = time.monotonic()
    chosen: dict[str, Part] = {
        "answers": parts.check_answers,
        "calls": parts.count_lost,
        "memory": parts.check_memory,
        "saturation": parts.measure_saturation,
    }
    for name, part in chosen.items():
        if time.monotonic() - begun_s > _LAST_BEGIN_S:
            findings.append(Finding(name, "", "not run: the others took too long", "", False))
            continue
        try:
            async for finding in part(target, lengths):
                findings.append(finding)
                print(" · ".join(word for word in (finding.part, finding.subject, finding.figure) if word))
        # Of a device that nobody has seen before, the other parts are worth having.
        except Exception as error:  # noqa: BLE001  # it is told, and fails the program
            findings.append(Finding(name, "", " ".join(f"{type(error).__name__}: {error}".split()), "", False))
            print(f"{name} failed: {error!r}")
    return findings


def write_page(device: str, findings: Sequence[Finding], facts: Mapping[str, str], command: str) -> str:
    """The whole report as a Markdown page."""
    told = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    heading = f"# The PyTorch runner on {device}\n\n{make_table(findings)}"
    return f"{heading}\n## How it was measured\n\n    {command}\n\n{told}\n"
