"""Load in a closed loop: each connection of `wrk` sends its next request when it has the answer to the last one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

_SCRIPT = Path(__file__).with_name("wrk.lua")
_TIMEOUT_S = 10
_OVERTIME_S = 30
_MARK = "measured "


@dataclass(frozen=True)
class Reading:
    """What one run of the driver measured.

    Args:
        requests_per_s: right ones only: requests answered with an error's status are taken out.
        p50_ms: the median time to an answer.
        p99_ms: the time within which 99 of 100 answers came.
        requests: all that were answered.
        errors: answers with status 400 and above, failed connects, reads and writes, and requests past their time.
    """

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    requests: int
    errors: int


def find_wrk() -> Path:
    """The system's `wrk`.

    Raises:
        BenchmarkError: it is not on PATH.
    """
    found = shutil.which("wrk")
    if found is None:
        raise BenchmarkError(
            "the program wrk, which makes the load, is not on PATH. "
            "Do: apt-get install wrk, brew install wrk, or see https://github.com/wg/wrk"
        )
    return Path(found)


def read_wrk_version(wrk: Path) -> str:
    """The version that `wrk --version` names; it exits with 1 even so."""
    printed = subprocess.run([wrk, "--version"], capture_output=True, text=True, timeout=10, check=False)
    found = re.search(r"wrk (\S+)", printed.stdout + printed.stderr)
    return found[1] if found else "unknown"


def write_bodies(bodies: Iterable[str], path: Path) -> None:
    """Write the bodies that a load goes round, one a line."""
    path.write_text("".join(f"{body}\n" for body in bodies), encoding="utf-8")


def drive(wrk: Path, url: str, bodies: Path, *, connections: int, seconds: int) -> Reading:
    """Post to a URL for some seconds, and block until that is over.

    Args:
        wrk: see `find_wrk`.
        url: of a server on this machine.
        bodies: see `write_bodies`.
        connections: kept open all the time; at least 1.
        seconds: how long; wrk takes whole ones.

    Raises:
        BenchmarkError: wrk failed, or answered nothing that can be read.
    """
    # One thread is enough for what a Python server answers, and leaves the rest of the machine to that.
    options = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    command = [str(wrk), *options, "--timeout", f"{_TIMEOUT_S}s", "--script", str(_SCRIPT), url, "--", str(bodies)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + _OVERTIME_S, check=True, stdin=subprocess.DEVNULL
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise BenchmarkError(f"wrk failed: {error}; it printed {error.stdout!r} {error.stderr!r}") from error
    return parse_reading(done.stdout)


def parse_reading(printed: str) -> Reading:
    """Read the line that `wrk.lua` adds to what wrk prints.

    Raises:
        BenchmarkError: there is none.
    """
    lines = [line for line in printed.splitlines() if line.startswith(_MARK)]
    if not lines:
        raise BenchmarkError(f"wrk did not say what it measured; it printed {printed!r}")
    values = json.loads(lines[-1].removeprefix(_MARK))
    right = values["requests"] - values["status"]
    return Reading(
        requests_per_s=right / (values["duration_us"] / 1_000_000),
        p50_ms=values["p50_us"] / 1000,
        p99_ms=values["p99_us"] / 1000,
        requests=values["requests"],
        errors=sum(values[kind] for kind in ("connect", "read", "write", "timeout", "status")),
    )
