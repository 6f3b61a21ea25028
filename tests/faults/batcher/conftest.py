"""Servers whose services and runners stand in this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.batcher.runners import FOLDER
from tests.faults.watched import Request, Starter, Watched

ROOT = Path(__file__).parents[3]


@pytest.fixture
def serve_here(serve: Starter, tmp_path: Path) -> Callable[..., Watched]:
    """Return a function that serves a module of this folder and returns the server when it is ready.

    Words are environment variables; `config` is the text of its configuration.
    """

    def start(module: str, good: Request, *arguments: str, config: str = "", **environment: str) -> Watched:
        (tmp_path / "jubako.yaml").write_text(config)
        served = serve(
            tmp_path,
            f"tests.faults.batcher.{module}:svc",
            *arguments,
            good=good,
            **{
                "PYTHONPATH": str(ROOT),
                "JUBAKO_CONFIG": str(tmp_path / "jubako.yaml"),
                FOLDER: str(tmp_path),
                **environment,
            },
        )
        served.wait_until_ready()
        return served

    return start
