"""Servers to be attacked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.watched import Starter, Watched


@pytest.fixture
def attack(tmp_path: Path, serve: Starter) -> Callable[..., Watched]:
    """Return a function that serves the text of a service and waits until it is ready."""

    def begin(service: str, *arguments: str, **others: object) -> Watched:
        (tmp_path / "service.py").write_text(service)
        watched = serve(tmp_path, "service:svc", *arguments, **others)
        watched.wait_until_ready()
        return watched

    return begin
