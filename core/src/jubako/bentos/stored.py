"""Bentos in a store: `get`, `list` and `delete`."""

from __future__ import annotations

import builtins
import contextlib
import warnings

from jubako.contracts.store import Store
from jubako.errors import InvalidManifest, NotFound
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
    return _open(store.resolve(Tag.from_taglike(tag)), store)


def list(tag: Tag | str | None = None, *, _bento_store: Store | None = None) -> builtins.list[Bento]:
    """Return all stored Bentos, those of a name, or the one of a version; sorted by tag, empty if there are none.

    One that cannot be read is left out, with a warning.
    """
    store = _bento_store or current_workspace().bento_store
    wanted = None if tag is None else Tag.from_taglike(tag)
    if wanted is not None and wanted.version is not None:
        wanted = store.resolve(wanted)
    tags = store.list(None if wanted is None else wanted.name)
    chosen = [stored for stored in tags if wanted is None or wanted.version in (None, stored.version)]
    bentos = (_open_or_warn(stored, store) for stored in chosen)
    return [bento for bento in bentos if bento is not None]


def delete(tag: Tag | str, *, _bento_store: Store | None = None) -> None:
    """Delete one version, or, if the tag has none, all versions of the name; `latest` is the newest one.

    Raises:
        NotFound: there is none.
    """
    store = _bento_store or current_workspace().bento_store
    wanted = Tag.from_taglike(tag)
    newest = store.resolve(wanted)
    if wanted.version is not None:
        store.delete(newest)
        return
    for stored in store.list(wanted.name):
        with contextlib.suppress(NotFound):  # somebody else was faster
            store.delete(stored)


def _open(tag: Tag, store: Store) -> Bento:
    try:
        return Bento.from_folder(store.open(tag))
    except InvalidManifest:
        store.resolve(tag)  # raises NotFound if it was deleted while it was read
        raise


def _open_or_warn(tag: Tag, store: Store) -> Bento | None:
    try:
        return _open(tag, store)
    except NotFound:  # deleted just now
        return None
    except InvalidManifest as error:
        warnings.warn(f"Bento {tag} is left out: {error.message}", stacklevel=4)
        return None
