"""Fixtures for tests of Bentos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jubako.bentos.wheels import Member, WheelName, write_wheel
from jubako.settings import Settings, StoreSettings
from jubako.workspace import Workspace, open_workspace, using_workspace

SERVICE = """
import jubako
from jubako.io import JSON

svc = jubako.Service("toy")


@svc.api(input=JSON(), output=JSON())
def answer(value):
    "Answer the same."
    return value
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Empty stores, current for the test."""
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=tmp_path / "home")))) as workspace:
        yield workspace


@pytest.fixture
def context(tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build context with one Service, `service:svc`; it is the working directory."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "service.py").write_text(SERVICE)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def make_wheel():
    """A function that writes a little wheel into a folder: the module of its name, with the version in it."""

    def make(folder, name, version="1.0", requires=()):
        named = WheelName(name, version)
        needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        return write_wheel(
            folder,
            named,
            [
                named.describe(is_pure=True),
                Member.from_text(f"{name.replace('-', '_')}.py", f"version = {version!r}\n"),
                Member.from_text(f"{named.stem}.dist-info/METADATA", metadata),
            ],
        )

    return make


@pytest.fixture
def packed():
    """A function that lists the files of a Bento's `src/`."""

    def list_files(bento):
        root = bento.path / "src"
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())

    return list_files
