"""What an import, a push or a pull comes to: a new version, the same one as before, or a tag that is taken."""

from __future__ import annotations

import attrs

from jubako.contracts.store import Store, StoreKind
from jubako.errors import AlreadyExists, NotFound
from jubako.values.tag import Tag


@attrs.frozen
class Imported:
    """A version that is in a store now.

    Args:
        tag: exact.
        digest: of the version.
        size_bytes: of all its files.
        is_new: False if the very version was there already, and nothing was written.
    """

    tag: Tag
    digest: str
    size_bytes: int
    is_new: bool


def holds_same(store: Store, tag: Tag, manifest: bytes, *, do: str) -> bool:
    """True if a store has the very version, False if it has none of that tag.

    Two versions are the same if their manifests are, for these vouch for all else.

    Args:
        store: where it is looked for.
        tag: exact.
        manifest: the text of the version's manifest.
        do: what to do about another version of that tag.

    Raises:
        AlreadyExists: it has another one.
        OSError: that cannot be read.
    """
    try:
        stored = store.read_manifest(store.resolve(tag))
    except NotFound:
        return False
    if stored == manifest:
        return True
    raise AlreadyExists(
        f"there is another {store.kind.noun} {tag} already.",
        why=f"The one in {store.url} has another manifest, and a version is never overwritten.",
        do=do,
    )


def commands_of(kind: StoreKind) -> str:
    """What stands before the name of a command for this kind: `models ` or nothing."""
    return "models " if kind is StoreKind.MODELS else ""
