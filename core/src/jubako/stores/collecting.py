"""Finding and removing what nobody needs in a local store: debris of writers that died, and old versions if asked.

Safe while others save, build, import, read and delete: what a live writer works on is never touched, and whatever is
removed could be removed by any save as well. Nothing that Jubako has not put there is touched either.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from jubako.errors import NotFound
from jubako.stores.drafts import find_debris, is_draft, is_trash, remove_debris
from jubako.stores.layout import tag_or_none
from jubako.stores.local import LocalStore
from jubako.values.tag import Tag


@attrs.frozen
class Debris:
    """Something that nobody needs.

    Args:
        path: where it is.
        what: what it is, for people.
        size_bytes: what removing it gives back; a file that another version shares (a hard link) gives nothing.
    """

    path: Path
    what: str
    size_bytes: int


def find_store_debris(store: LocalStore) -> list[Debris]:
    """What dead writers and interrupted deletions left in a store, and records of versions that are not there.

    Raises:
        StoreError: a folder cannot be read.
    """
    root = store.layout.root
    with store.layout.reading(), contextlib.suppress(FileNotFoundError, NotADirectoryError):
        left = [Debris(path, _describe(path), size_of(path)) for path in find_debris(root)]
        return left + [Debris(path, "record of no version", size_of(path)) for path in _orphans(store)]
    return []


def remove_store_debris(store: LocalStore, debris: Iterable[Debris]) -> None:
    """Remove what `find_store_debris` has found, as far as that is possible; and folders that are empty then."""
    root = store.layout.root
    for each in debris:
        if each.path.parent == root:
            remove_debris(each.path, root)
    # Asked again, for a writer may have published meanwhile what its record says.
    for name in store.layout.sequence.names():
        store.layout.sweep_records(name)
    for name in store.layout.entries(root):
        # Only if it is empty: a writer that finds it gone makes it again.
        if not name.startswith("."):
            with contextlib.suppress(OSError):
                (root / name).rmdir()


def find_old(store: LocalStore, keep: int, name: str | None = None) -> list[Tag]:
    """All but the newest versions of each name, by the store's own count, the oldest first.

    Args:
        store: the store.
        keep: how many versions of a name stay; at least 1.
        name: of this name only.

    Raises:
        StoreError: the store cannot be read.
    """
    names = [name] if name is not None else sorted({tag.name for tag in store.list()})
    return [tag for each in names for tag in reversed(store.newest_first(each)[keep:])]


def remove_versions(store: LocalStore, tags: list[Tag]) -> list[Tag]:
    """Delete versions, and return those that were still there."""
    removed = []
    for tag in tags:
        with contextlib.suppress(NotFound):  # somebody else was faster
            store.delete(tag)
            removed.append(tag)
    return removed


def find_strays(store: LocalStore) -> Iterator[Path]:
    """What stands among names and versions and is neither: links, files, folders without a manifest.

    A folder without a manifest may be a version that has lost it. Nothing here is ever removed by Jubako.

    Raises:
        StoreError: a folder cannot be read.
    """
    root = store.layout.root
    for name in sorted(store.layout.entries(root)):
        path = root / name
        if is_draft(path) or is_trash(path):
            continue
        if tag_or_none(name, "v") is None or not _is_folder(path):
            yield path
            continue
        for version in sorted(store.layout.entries(path)):
            tag = tag_or_none(name, version)
            if tag is None or not store.layout.is_version(tag):
                yield path / version


def size_of(path: Path) -> int:
    """The bytes that removing a file or folder gives back; follows no link, and passes over what cannot be read."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size if status.st_nlink == 1 else 0
    total = 0
    for folder, _, files in os.walk(path):
        for file in files:
            with contextlib.suppress(OSError):
                status = Path(folder, file).lstat()
                total += status.st_size if status.st_nlink == 1 else 0
    return total


def _describe(path: Path) -> str:
    return "deleted version" if is_trash(path) else "unfinished version of a writer that is gone"


def _orphans(store: LocalStore) -> Iterator[Path]:
    for name in store.layout.sequence.names():
        yield from store.layout.orphaned_records(name)


def _is_folder(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISDIR(path.lstat().st_mode)
    return False
