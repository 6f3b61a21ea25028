"""Bentos in a store: `get`, `list`, `delete` and `verify`."""

from __future__ import annotations

import builtins
import warnings

from jubako.contracts.store import Store
from jubako.errors import InvalidManifest, NotFound
from jubako.services.bento import Bento
from jubako.stores.choosing import choose, delete_chosen
from jubako.stores.verifying import Verification, verify_version
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
    """Return all stored Bentos, those of a name, or the one version, sorted by tag; of a version not there, none.

    One that cannot be read is left out, with a warning.

    Raises:
        NotFound: a name was given and there is no Bento of that name.
    """
    store = _bento_store or current_workspace().bento_store
    bentos = (_open_or_warn(stored, store) for stored in choose(store, tag))
    return [bento for bento in bentos if bento is not None]


def delete(tag: Tag | str, *, _bento_store: Store | None = None) -> None:
    """Delete one version, or, if the tag has none, all versions of the name; `latest` is the newest one.

    Raises:
        NotFound: there is none.
    """
    delete_chosen(_bento_store or current_workspace().bento_store, tag)


def verify(tag: Tag | str, *, _bento_store: Store | None = None) -> Verification:
    """Read every file of a Bento, whatever was read before, and compare it with what was stored.

    Returns:
        How many files and bytes that were.

    Raises:
        NotFound: there is no such Bento.
        ModelDigestMismatch: something is not as it was stored; names the first ten things.
    """
    return verify_version(_bento_store or current_workspace().bento_store, tag)


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
