"""Bentos in a store: `get`, `list` and `delete`."""

from __future__ import annotations

import builtins

from jubako.contracts.store import Store
from jubako.services.bento import Bento
from jubako.values.tag import Tag
from jubako.workspace import current_workspace


def get(tag: Tag | str, *, _bento_store: Store | None = None) -> Bento:
    """Return a stored Bento; without a version, or with `latest`, the newest.

    Raises:
        NotFound: there is none; the message lists near matches.
        InvalidManifest: its `bento.yaml` cannot be read.
    """
    store = _bento_store or current_workspace().bento_store
    return Bento.from_folder(store.open(store.resolve(Tag.from_taglike(tag))))


def list(tag: Tag | str | None = None, *, _bento_store: Store | None = None) -> builtins.list[Bento]:
    """Return all stored Bentos, those of a name, or the one of a version; sorted by tag, empty if there are none."""
    store = _bento_store or current_workspace().bento_store
    wanted = None if tag is None else Tag.from_taglike(tag)
    if wanted is not None and wanted.version is not None:
        wanted = store.resolve(wanted)
    tags = store.list(None if wanted is None else wanted.name)
    chosen = [stored for stored in tags if wanted is None or wanted.version in (None, stored.version)]
    return [Bento.from_folder(store.open(stored)) for stored in chosen]


def delete(tag: Tag | str, *, _bento_store: Store | None = None) -> None:
    """Delete one version, or, if the tag has none, all versions of the name; `latest` is the newest one.

    Raises:
        NotFound: there is none.
    """
    store = _bento_store or current_workspace().bento_store
    wanted = Tag.from_taglike(tag)
    newest = store.resolve(wanted)
    for stored in store.list(wanted.name) if wanted.version is None else [newest]:
        store.delete(stored)
