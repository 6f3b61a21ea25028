"""Fixtures for faults of processes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.processes import faulty_client
from tests.faults.watched import Request, Starter, Watched


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the service `faulty`, in version 1, whose model loads at once."""
    shutil.copy(Path(__file__).with_name("faulty.py"), tmp_path / "faulty.py")
    (tmp_path / "version").write_text("1")
    (tmp_path / "load").write_text("")
    return tmp_path


@pytest.fixture
def start(serve: Starter, folder: Path) -> Callable[..., Watched]:
    """Return a function that serves `faulty` with the process backend."""

    def begin(*arguments: str, replicas: int = 1, **others: object) -> Watched:
        return serve(
            folder,
            "faulty.py:svc",
            "--backend",
            "process",
            *arguments,
            good=Request("/ask", faulty_client.row(0, 1)),
            REPLICAS=str(replicas),
            **others,
        )

    return begin


@pytest.fixture
def serving(start: Callable[..., Watched]) -> Callable[..., Watched]:
    """The same, and wait until it is ready."""

    def begin(*arguments: str, **others: object) -> Watched:
        served = start(*arguments, **others)
        served.wait_until_ready()
        return served

    return begin
