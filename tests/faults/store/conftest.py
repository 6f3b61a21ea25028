"""Fixtures for faults of stores."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.store import homes
from tests.faults.store.tracing import Actor


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Service."""
    folder = tmp_path_factory.mktemp("context") / "echo"
    folder.mkdir()
    (folder / "service.py").write_text(homes.SERVICE)
    return folder


@pytest.fixture(scope="module")
def used_home(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was used; not to be changed."""
    home = tmp_path_factory.mktemp("used") / "home"
    homes.make_home(home, context)
    return home


@pytest.fixture
def copy_home(used_home: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that makes a new copy of it."""
    return lambda name: shutil.copytree(used_home, tmp_path / name)


@pytest.fixture(scope="module")
def actor(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Actor]:
    """The program that does things to stores in children."""
    actor = Actor(tmp_path_factory.mktemp("actor"), context)
    yield actor
    actor.close()
