"""Which versions of a store a tag means where there may be several: in lists, and for deletion."""

from __future__ import annotations

import contextlib
import os

from jubako.contracts.store import Store
from jubako.errors import NotFound
from jubako.stores.local import LocalStore
from jubako.values.tag import Tag


def choose(store: Store, tag: Tag | str | None) -> list[Tag]:
    """Exact tags, sorted: of all versions, of one name, or of the one version, if it is there.

    Args:
        store: where they are.
        tag: None for all; a name for all versions of it; `name:latest` for the latest one.

    Raises:
        InvalidArgument: it is no tag.
        NotFound: a name without any version was given; the message lists near ones.
    """
    if tag is None:
        return store.list()
    wanted = Tag.from_taglike(tag)
    if wanted.is_exact:
        return [found for found in store.list(wanted.name) if found == wanted]
    if wanted.version is not None:
        return [store.resolve(wanted)]
    # Of a name without versions, resolving says what there is instead.
    return store.list(wanted.name) or [store.resolve(wanted)]


def choose_doomed(store: Store, tag: Tag | str) -> list[Tag]:
    """Exact tags of what deleting `tag` removes: one version, or all versions of a name.

    Raises:
        InvalidArgument: it is no tag.
        NotFound: there is none; the message lists near ones.
    """
    wanted = Tag.from_taglike(tag)
    if wanted.version is None:
        return choose(store, wanted)
    if wanted.is_exact and isinstance(store, LocalStore) and os.path.lexists(store.layout.place(wanted)):
        # What is left of a version without a manifest can be deleted too, though it cannot be opened.
        return [wanted]
    return [store.resolve(wanted)]


def delete_chosen(store: Store, tag: Tag | str) -> None:
    """Delete one version, or, if the tag has none, all versions of the name.

    Raises:
        NotFound: there is none.
        StoreError: the store cannot be written.
    """
    doomed = choose_doomed(store, tag)
    if Tag.from_taglike(tag).version is not None:
        store.delete(doomed[0])
        return
    for each in doomed:
        with contextlib.suppress(NotFound):  # somebody else was faster
            store.delete(each)
