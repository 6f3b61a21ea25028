"""Stores with a version, archives of it, and stores to import them into."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jubako.contracts.store import StoreKind
from jubako.settings import ArchiveSettings
from jubako.stores.archives.exporting import Exported, export_version
from jubako.stores.archives.formats import ArchiveFormat
from jubako.stores.archives.importing import import_version
from jubako.stores.archives.outcomes import Imported
from jubako.stores.local import LocalStore
from jubako.stores.stored import read_version
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag

FILES = {
    "weights.bin": random.Random(1).randbytes(5000),
    "deep/er/notes é.txt": b"read me",
    "empty": b"",
    "n" * 200: b"a name that no plain header of a tar holds",
    f"{'d' * 120}/{'f' * 90}": b"one that needs both of its fields",
}
TAG = Tag("iris", "v1")


@pytest.fixture
def files() -> dict[str, bytes]:
    """The files of the version."""
    return FILES


@pytest.fixture(params=list(StoreKind), ids=lambda kind: str(kind.value))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LocalStore:
    """A store with one version, iris:v1, of each kind in turn."""
    store = LocalStore(tmp_path / "home", request.param)
    with store.draft(TAG) as folder:
        write_version(folder, store.kind, TAG, datetime(2026, 1, 1, tzinfo=UTC), FILES)
        (folder / "weights.bin").chmod(0o755)
    return store


@pytest.fixture
def export(store: LocalStore, tmp_path: Path) -> Callable[..., Exported]:
    """Return a function that exports the version."""

    def begin(path: str = "", archive_format: ArchiveFormat | None = None, **others: Any) -> Exported:
        place = path or f"{tmp_path}/"
        return export_version(read_version(TAG, store), place, archive_format=archive_format, **others)

    return begin


@pytest.fixture
def take_in(store: LocalStore, tmp_path: Path) -> Callable[..., Imported]:
    """Return a function that imports into `other`, a store of the same kind."""

    def begin(path: str | Path, **others: Any) -> Imported:
        limits = others.pop("limits", ArchiveSettings())
        target = others.pop("target", LocalStore(tmp_path / "other", store.kind))
        return import_version(Path(path), target, limits=limits, **others)

    return begin


@pytest.fixture
def other(store: LocalStore, tmp_path: Path) -> LocalStore:
    """Where `take_in` imports to."""
    return LocalStore(tmp_path / "other", store.kind)
