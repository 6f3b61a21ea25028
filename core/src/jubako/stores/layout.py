"""`Layout`: where a local store keeps what, and which of the folders there are versions; reads, and follows no link.

`<home>/models/<name>/<version>/` holds a version; `.draft-…` and `.trash-…` beside the names are what is being written
and removed; the store's own facts are in `<home>/.store/`.
"""

from __future__ import annotations

import builtins
import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

from jubako.contracts.store import StoreKind
from jubako.errors import InvalidArgument, StoreError
from jubako.stores.digests import sha256_of
from jubako.stores.failures import store_failure
from jubako.stores.sequence import Sequence
from jubako.values.tag import Tag


class Layout:
    """The folders of one local store.

    Args:
        home: `$JUBAKO_HOME`, absolute.
        kind: what it keeps.

    Attributes:
        root: the folder of all names.
        sequence: the store's own facts about its versions.
    """

    def __init__(self, home: Path, kind: StoreKind) -> None:
        self.home = home
        self.kind = kind
        self.url = home.as_uri()
        self.root = home / kind.value
        self.sequence = Sequence(home / ".store" / kind.value)

    def place(self, tag: Tag) -> Path:
        """Where an exact version is, or would be."""
        # The grammar of tags has no separators and no leading dot: this cannot leave the root.
        return self.root.joinpath(*tag.path().parts)

    def is_version(self, tag: Tag) -> bool:
        """True if an exact version is there: a folder, and no link on the way to its manifest.

        Raises:
            StoreError: that cannot be read.
        """
        place = self.place(tag)
        with self.reading(), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (
                stat.S_ISDIR(place.parent.lstat().st_mode)
                and stat.S_ISDIR(place.lstat().st_mode)
                and stat.S_ISREG((place / self.kind.manifest_name).lstat().st_mode)
            )
        return False

    def link_before(self, tag: Tag) -> Path | None:
        """The link that stands where the folder of the name or of the version would be; None if none does."""
        with self.reading():
            return next((path for path in (self.place(tag).parent, self.place(tag)) if path.is_symlink()), None)

    def tags(self, name: str | None = None) -> builtins.list[Tag]:
        """Exact tags of all versions, or of one name, sorted; whatever is no version is passed over.

        Raises:
            StoreError: a folder cannot be read.
        """
        names = [Tag(name).name] if name is not None else self.entries(self.root)
        found = (tag_or_none(name, version) for name in names for version in self.entries(self.root / name))
        return sorted(tag for tag in found if tag is not None and self.is_version(tag))

    def entries(self, folder: Path) -> builtins.list[str]:
        """The names of what is in a folder; nothing if it is not there, or no folder.

        Raises:
            StoreError: it cannot be read.
        """
        with self.reading(), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return [path.name for path in folder.iterdir()]
        return []

    def manifest_digest(self, tag: Tag) -> str | None:
        """The SHA-256 of an exact version's manifest; None if it is not there.

        Raises:
            StoreError: it cannot be read.
        """
        with self.reading():
            return digest_or_none(self.place(tag) / self.kind.manifest_name)

    def published_digest(self, name: str, version: str) -> str | None:
        """The same of a version that may not exist, or that no tag can name."""
        tag = tag_or_none(name, version)
        return self.manifest_digest(tag) if tag is not None and self.is_version(tag) else None

    def orphaned_records(self, name: str) -> Iterator[Path]:
        """Records of a name whose version was never published, or is not there; see `Sequence.orphans`."""
        listed = self.entries(self.root / name)
        return self.sequence.orphans(name, self.root, listed, lambda version: self.published_digest(name, version))

    def sweep_records(self, name: str) -> None:
        """Remove these, as far as that is possible."""
        with contextlib.suppress(OSError, StoreError):  # sweeping is only cleaning
            listed = self.entries(self.root / name)
            self.sequence.sweep(name, self.root, listed, lambda version: self.published_digest(name, version))

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Turn an `OSError` of a block that reads into a `StoreError` that names the store."""
        return store_failure(f"{self.url} cannot be read")


def tag_or_none(name: str, version: str) -> Tag | None:
    """The exact tag of a folder, or None if no tag is written like that."""
    if (name, version) != (name.lower(), version.lower()):  # would be lowered, and so name another folder
        return None
    try:
        tag = Tag(name, version)
    except InvalidArgument:
        return None
    return tag if tag.is_exact else None


def digest_or_none(manifest: Path) -> str | None:
    """The SHA-256 of a manifest; None if it is not there any more."""
    try:
        return sha256_of(manifest)
    except (FileNotFoundError, NotADirectoryError):  # deleted just now
        return None
