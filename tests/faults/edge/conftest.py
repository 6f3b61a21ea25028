"""Servers whose clients misbehave."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.watched import Request, Starter, Watched


@pytest.fixture
def edge(tmp_path: Path, serve: Starter) -> Callable[..., Watched]:
    """Return a function that serves `edge` and waits until it is ready; arguments are keys of the `server` section."""

    def begin(backend: str = "inline", **settings: object) -> Watched:
        shutil.copy(Path(__file__).with_name("edge.py"), tmp_path / "edge.py")
        environment = {f"JUBAKO_SERVER__{name.upper()}": str(value) for name, value in settings.items()}
        good = Request("/double", "[21, 0]")
        watched = serve(tmp_path, "edge:svc", "--backend", backend, good=good, **environment)
        watched.wait_until_ready()
        return watched

    return begin
