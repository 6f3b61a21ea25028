"""Fixtures for tests of faults: servers that have to heal, figures for docs/reliability.md, and how long loads last."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rows import BY_KEY
from tests.faults.watched import Starter, Watched

if sys.platform != "linux":
    # Their means are Linux's: /proc, signals to stopped processes, limits, strace.
    collect_ignore_glob = ["*"]

_HAS_PASSED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse tests of rows that there are not."""
    for item in items:
        for mark in item.iter_markers("row"):
            if mark.args[0] not in BY_KEY:
                raise pytest.UsageError(f"{item.nodeid}: there is no row {mark.args[0]!r} in tests/faults/rows.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Remember whether a test has passed, for what comes after it."""
    report = yield
    if report.when == "call":
        item.stash[_HAS_PASSED] = report.passed
    return report


@pytest.fixture
def length(request: pytest.FixtureRequest) -> Callable[[float, float], float]:
    """Return a function that chooses between the short and the full length of something."""
    is_full = request.config.getoption("--full-length")
    return lambda short, full: full if is_full else short


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that records figures for the row of the test: `figures(lost="0 of 1,200", p99_ms=31.2)`."""
    rows = [mark.args[0] for mark in request.node.iter_markers("row")]
    path = request.config.getoption("--figures")

    def record(**what: object) -> None:
        assert rows, "only a test with a row has figures"
        if path is None:
            return
        line = json.dumps({"row": rows[0], "test": request.node.name, "figures": what})
        # One write, so that lines of tests that run side by side do not mix.
        with path.open("a") as file:
            file.write(line + "\n")

    return record


@pytest.fixture
def serve(request: pytest.FixtureRequest) -> Iterator[Starter]:
    """Return a function that starts a server; after a test that passed it has to be as before, and to stop in order.

    With `ends=True` the test ends the server itself, and only that nothing is left is checked.
    """
    started: list[tuple[Watched, bool]] = []

    def begin(folder: Path, *arguments: str, ends: bool = False, **others: object) -> Watched:
        watched = Watched(folder, *arguments, **others)
        started.append((watched, ends))
        return watched

    try:
        yield begin
        for watched, ends in started if request.node.stash.get(_HAS_PASSED, False) else ():
            if not ends:
                watched.check_healed()
                watched.check_stops()
            else:
                assert watched.process.poll() is not None, "the test has not ended its server"
                watched.check_nothing_is_left()
    finally:
        _end([watched for watched, _ in started])


def _end(started: list[Watched]) -> None:
    for served in started:
        served.close()
    for served in started:
        shutil.rmtree(served.temporary, ignore_errors=True)
