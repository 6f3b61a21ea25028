"""Fixtures for tests of services."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jubako.settings import Settings, StoreSettings
from jubako.workspace import Workspace, open_workspace, using_workspace

SERVICE = """
import jubako
from jubako.io import JSON

{name} = jubako.Service({title!r})


@{name}.api(input=JSON(), output=JSON())
def answer(value):
    return {answer}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Empty stores, current for the test."""
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=tmp_path / "home")))) as workspace:
        yield workspace


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def write_service():
    """A function that writes a module with one Service, whose API `answer` returns an expression."""

    def write(path: Path, *, name: str = "svc", title: str = "toy", answer: str = "value", before: str = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before + SERVICE.format(name=name, title=title, answer=answer))

    return write


@pytest.fixture
def untouched():
    """Fails if the working directory, `sys.path` or the names of modules are not as they were."""
    cwd, path, modules = Path.cwd(), list(sys.path), dict(sys.modules)
    yield
    assert Path.cwd() == cwd
    assert sys.path == path
    assert {name: sys.modules.get(name) for name in modules} == modules
    left = {name for name in set(sys.modules) - set(modules) if not name.rpartition(".")[2].startswith("_jubako_")}
    files = [str(getattr(sys.modules[name], "__file__", None) or "") for name in left]
    assert not [file for file in files if file.startswith((str(cwd), os.fspath(cwd.parent)))]
