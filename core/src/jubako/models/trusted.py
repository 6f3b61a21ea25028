"""Trust that no model here needs any more."""

from __future__ import annotations

from collections.abc import Iterator

from jubako.contracts.store import Store
from jubako.errors import NotFound
from jubako.stores.drafts import is_draft
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_bento_info, read_model_info
from jubako.stores.trust import TrustEntry
from jubako.workspace import Workspace


def find_unneeded_trust(workspace: Workspace) -> list[TrustEntry]:
    """Entries of `.store/trust` whose digest is of no model in the model store, and of none packed in a Bento there.

    Empty while anybody saves a model, which is trusted before it can be seen. Reads all manifests.

    Raises:
        InvalidManifest: one cannot be read, so that nobody knows what it needs.
        StoreError: a store cannot be read.
    """
    entries = [entry for entry in workspace.trust.entries() if not entry.is_setting]
    # In this order: whoever wrote one of these entries is still a draft now, or can be seen afterwards.
    if _is_saving(workspace.model_store):
        return []
    needed = {*_digests_of_models(workspace.model_store), *_digests_in_bentos(workspace.bento_store)}
    return [entry for entry in entries if entry.digest not in needed]


def _is_saving(store: Store) -> bool:
    if not isinstance(store, LocalStore):
        return False
    return any(is_draft(store.layout.root / name) for name in store.layout.entries(store.layout.root))


def _digests_of_models(store: Store) -> Iterator[str]:
    for tag in store.list():
        try:
            yield read_model_info(store.open(tag)).digest
        except NotFound:  # deleted just now
            continue


def _digests_in_bentos(store: Store) -> Iterator[str]:
    for tag in store.list():
        try:
            yield from (model.digest for model in read_bento_info(store.open(tag)).models)
        except NotFound:
            continue
