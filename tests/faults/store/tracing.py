"""Running an action of `actor.py` under strace: counting its system calls, and interfering with one of them."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

ROOT = Path(__file__).parents[3]

# The calls that change what is on the disk, or that it depends on whether they succeed: a kill at any other call leaves
# what one at the next of these leaves.
CHANGING = (
    *("openat", "open", "creat", "close", "write", "pwrite64", "writev", "sendfile", "copy_file_range", "ftruncate"),
    *("fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir"),
    *("mkdir", "mkdirat", "chmod", "fchmod", "fchmodat", "flock"),
)

_LINE = re.compile(r"^(\w+)\(")


def why_not_traced() -> str:
    """Why no process can be traced here; empty if one can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return f"strace cannot trace here: {tried.stderr.strip()}" if tried.returncode else ""


_WHY_NOT = why_not_traced()
needs_strace = pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT or "strace works")


@attrs.frozen
class Traced:
    """What became of one action.

    Args:
        outcome: what `actor.py` says of it.
        log: what strace wrote.
    """

    outcome: Mapping[str, Any]
    log: str

    @property
    def was_killed(self) -> bool:
        """True if it did not live to its end."""
        return self.outcome.get("signal") == 9

    def counts(self) -> Counter[str]:
        """How often each system call was made."""
        return Counter(match[1] for match in map(_LINE.match, self.log.splitlines()) if match)


class Actor:
    """The program that does things to stores in children.

    Args:
        folder: for its own files.
        context: the folder that it builds Bentos from.
    """

    def __init__(self, folder: Path, context: Path) -> None:
        self._log = folder / "strace.log"
        environment = {**os.environ, "JUBAKO_TEST_CONTEXT": str(context), "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.store.actor", str(folder / "warmed")],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in environment.items() if name not in ("JUBAKO_HOME", "JUBAKO_CONFIG")},
        )

    def run(self, action: str, home: Path, *options: str) -> Traced:
        """Do something to a home under strace with these options."""
        child = int(self._ask(f"{action} {home}"))
        with self._tracing(child, options):
            answer = self._ask("go")
        return Traced(json.loads(answer), self._log.read_text(errors="replace"))

    def run_limited(self, action: str, home: Path, largest_file_bytes: int) -> Traced:
        """Do something to a home where no file can grow beyond a size: a write over it is short, and the next fails."""
        child = int(self._ask(f"{action} {home}"))
        resource.prlimit(child, resource.RLIMIT_FSIZE, (largest_file_bytes, largest_file_bytes))
        return Traced(json.loads(self._ask("go")), "")

    def points(self, action: str, home: Path, calls: tuple[str, ...] = ("all",)) -> Iterator[tuple[str, int]]:
        """Every (system call, number from 1) that an action makes in a home; it is done once for that."""
        traced = self.run(action, home, "-e", f"trace={spelled(calls)}")
        assert "tag" in traced.outcome, traced.outcome
        for call, count in sorted(traced.counts().items()):
            yield from ((call, number) for number in range(1, count + 1))

    def close(self) -> None:
        """End the program."""
        self._process.stdin.close()
        assert self._process.wait(timeout=60) == 0
        self._process.stdout.close()

    def _ask(self, line: str) -> str:
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline()

    def _tracing(self, child: int, options: tuple[str, ...]) -> subprocess.Popen[str]:
        tracer = subprocess.Popen(
            ["strace", "-p", str(child), "-o", str(self._log), *options], stderr=subprocess.PIPE, text=True
        )
        attached = tracer.stderr.readline()
        assert "attached" in attached, attached + tracer.stderr.read()
        return tracer


def spelled(calls: tuple[str, ...]) -> str:
    """A set of calls as strace takes it; those that this machine does not have are passed over."""
    return ",".join(calls if calls == ("all",) else (f"?{call}" for call in calls))


def fault(call: str, number: int, what: str) -> tuple[str, ...]:
    """Options of strace that interfere with a call the numbered time that it is made.

    Args:
        call: its name.
        number: from 1.
        what: `signal=KILL`, or `error=EIO`.
    """
    return "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={number}"
