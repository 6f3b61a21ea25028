"""A small version as members, a store to import into, and a look at everything that could have been written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jubako.contracts.store import StoreKind
from jubako.settings import ArchiveSettings
from jubako.stores.archives.importing import import_version
from jubako.stores.archives.outcomes import Imported
from jubako.stores.local import LocalStore
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag
from tests.faults.archives.raw import Raw

FILES = {"weights.bin": b"\x00\x01" * 600, "deep/notes.txt": b"read me", "é": b"accent"}
TAG = Tag("toy", "v1")


@pytest.fixture
def sound(tmp_path: Path) -> list[Raw]:
    """The manifest and the files of a sound model."""
    folder = tmp_path / "sound"
    folder.mkdir()
    write_version(folder, StoreKind.MODELS, TAG, datetime(2026, 1, 1, tzinfo=UTC), FILES)
    return [Raw(name.encode(), (folder / name).read_bytes()) for name in ("model.yaml", *FILES)]


@pytest.fixture
def target(tmp_path: Path) -> LocalStore:
    """An empty store."""
    return LocalStore(tmp_path / "home", StoreKind.MODELS)


@pytest.fixture
def take_in(target: LocalStore) -> Callable[..., Imported]:
    """Return a function that imports a file or a folder."""

    def begin(path: Path, **limits: int) -> Imported:
        return import_version(path, target, limits=ArchiveSettings(**limits))

    return begin


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing may appear."""
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder
    assert {path.name for path in folder.iterdir()} <= {"kept"}


@pytest.fixture
def everything(tmp_path: Path) -> Callable[[], set[str]]:
    """Return a function that names all that is in the folder of the test, but for the archives."""

    def look() -> set[str]:
        return {str(path) for path in tmp_path.rglob("*") if not path.name.startswith("archive")}

    return look
