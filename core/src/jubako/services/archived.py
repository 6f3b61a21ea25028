"""Bentos in archives, served and loaded as they are given: each is imported once, for its content, below the home."""

from __future__ import annotations

from pathlib import Path

from jubako.contracts.store import StoreKind
from jubako.errors import AlreadyExists, InvalidArchive
from jubako.services.bento import Bento
from jubako.stores.archives.importing import import_version
from jubako.stores.digests import sha256_of
from jubako.stores.failures import store_failure
from jubako.stores.local import LocalStore
from jubako.values.tag import Tag
from jubako.workspace import Workspace

_FOLDER = Path(".store", "archives")


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
        tag = next(iter(store.list()), None) or _take_in(path, digest, store, workspace)
        store.verify_manifest(tag)
        return Bento.from_folder(store.open(tag))


def _take_in(path: Path, digest: str, store: LocalStore, workspace: Workspace) -> Tag:
    try:
        tag = import_version(path, store, limits=workspace.settings.stores.archives).tag
    except AlreadyExists:  # another process was as fast
        return store.list()[0]
    if sha256_of(path) != digest:
        # Nobody may find this content under the other's digest.
        store.delete(tag)
        raise InvalidArchive(f"{path} was changed while it was read.", do="try again")
    return tag
