"""Bentos in archives, served and loaded as they are given: each is imported once, for its content, below the home.

`$JUBAKO_HOME/.store/archives/<digest>/` is a store of one Bento. Whoever has opened it holds a lock of its file
`in-use` until the process ends, so that it is not removed meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

import attrs

from jubako.contracts.store import StoreKind
from jubako.errors import AlreadyExists, InvalidArchive, NotFound
from jubako.services.bento import Bento
from jubako.stores.archives.importing import import_version
from jubako.stores.collecting import size_of
from jubako.stores.digests import sha256_of
from jubako.stores.drafts import remove_tree
from jubako.stores.durability import make_facts_folder, make_one_folder
from jubako.stores.failures import store_failure
from jubako.stores.local import LocalStore
from jubako.values.tag import Tag
from jubako.workspace import Workspace

_FOLDER = Path(".store", "archives")
_IN_USE = "in-use"
# Is there once the digest of the file was the same after it had been read.
_COMPARED = "compared"
_NAME = re.compile(r"[0-9a-f]{32}")

# The locks of this process by the file that is locked. Closing one gives it up, so they stay open until the end: what
# was opened may be imported from later, and replicas that are started later open it again.
_held: dict[tuple[int, int], int] = {}


@attrs.frozen
class UnusedArchive:
    """An archive's Bento that no process has open.

    Args:
        path: its folder.
        made_for: the tag of the Bento.
        size_bytes: of all its files.
        unused_s: seconds since it was opened.
    """

    path: Path
    made_for: str
    size_bytes: int
    unused_s: float


def open_archive(path: Path, workspace: Workspace) -> Bento:
    """The Bento in an archive; checked and written below the home when it is first opened, and found there later.

    It is in no list of Bentos, and is not trusted by this. The file is read whole each time.

    Args:
        path: of a file.
        workspace: whose home and limits are used.

    Raises:
        InvalidArchive: it is damaged, or has something that no Bento may have.
        InvalidManifest: its `bento.yaml` cannot be read.
        ModelDigestMismatch: what was written is not there any more as it was.
        StoreError: it cannot be read, or the home not be written.
    """
    with store_failure(f"{path} cannot be opened"):
        digest = sha256_of(path)
        store = LocalStore(workspace.settings.stores.home / _FOLDER / digest[:32], StoreKind.BENTOS)
        _hold(store.home / _IN_USE)
        found = store.list() if (store.home / _COMPARED).exists() else []
        tag = found[0] if found else _take_in(path, digest, store, workspace)
        store.verify_manifest(tag)
        return Bento.from_folder(store.open(tag))


def _take_in(path: Path, digest: str, store: LocalStore, workspace: Workspace) -> Tag:
    read = functools.partial(import_version, path, store, limits=workspace.settings.stores.archives)
    try:
        tag = read().tag
    except AlreadyExists:
        try:
            tag = read().tag  # another process was as fast, and so it is the same
        except AlreadyExists:  # one died before it had compared
            _delete(store, store.list())
            tag = read().tag
    if sha256_of(path) != digest:
        # Nobody may find this content under the other's digest.
        _delete(store, [tag])
        raise InvalidArchive(f"{path} was changed while it was read.", do="try again")
    _delete(store, [other for other in store.list() if other != tag])
    (store.home / _COMPARED).touch()
    return tag


def _delete(store: LocalStore, tags: list[Tag]) -> None:
    for tag in tags:
        with contextlib.suppress(NotFound):  # another process does the same
            store.delete(tag)


def unused_archives(home: Path, older_than_s: float) -> list[UnusedArchive]:
    """Bentos of archives that were not opened for so many seconds, and that no process has open."""
    return [archive for archive in _kept(home, older_than_s) if not _is_held(archive.path / _IN_USE)]


def remove_unused_archives(home: Path, older_than_s: float) -> list[UnusedArchive]:
    """Remove what `unused_archives` gives, and return it.

    Raises:
        StoreError: something cannot be removed.
    """
    removed = []
    for archive in unused_archives(home, older_than_s):
        aside = archive.path.with_name(f"removed-{secrets.token_hex(6)}")
        with (archive.path / _IN_USE).open("ab") as lock, store_failure(f"{archive.path} cannot be removed"):
            if not _is_taken(lock.fileno()):
                continue
            # Who waits for the lock finds another file in its place, or none, and begins again.
            archive.path.rename(aside)
            remove_tree(aside)
        removed.append(archive)
    return removed


def _hold(lock: Path) -> None:
    """Keep the folder of a lock from being removed until this process ends, and note that it is used now."""
    while True:
        _make_place(lock.parent)
        if not os.access(lock.parent, os.W_OK):  # a home that is only read, and so removed from by nobody
            return
        with contextlib.suppress(FileNotFoundError):  # removed just now
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
            status = os.fstat(descriptor)
            key = (status.st_dev, status.st_ino)
            if key in _held:
                os.close(descriptor)
            else:
                if fcntl is not None:
                    with contextlib.suppress(OSError):  # this file system has no locks
                        fcntl.flock(descriptor, fcntl.LOCK_SH)
                _held[key] = descriptor
            os.utime(lock)
            if os.path.samestat(status, lock.stat()):
                return


def _make_place(place: Path) -> None:
    """Create the folder of an archive, in one that no other account can reach: what is in there is run."""
    folder = place.parent
    make_facts_folder(folder.parent)
    make_one_folder(folder, 0o700)
    make_one_folder(place, 0o700)


def _kept(home: Path, older_than_s: float) -> Iterator[UnusedArchive]:
    folder = home / _FOLDER
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), store_failure(f"{folder} cannot be read"):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                unused_s = time.time() - (path / _IN_USE).lstat().st_mtime
                if _NAME.fullmatch(path.name) and not path.is_symlink() and unused_s >= older_than_s:
                    tag = next(iter(LocalStore(path, StoreKind.BENTOS).list()), None)
                    yield UnusedArchive(path, str(tag or "of no archive"), size_of(path), unused_s)


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            return not _is_taken(file.fileno())
    except OSError:
        return True


def _is_taken(descriptor: int) -> bool:
    """Take a lock, and say whether that was possible."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system has no locks
        return True
    return True
