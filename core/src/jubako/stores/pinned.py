"""`PinnedStore`: a store whose tags mean for good what they meant when they were first asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from jubako.contracts.store import Store, StoreKind
from jubako.errors import ModelDigestMismatch
from jubako.stores.manifests import read_bento_info, read_model_info
from jubako.values.plan import PinnedTag
from jubako.values.tag import LATEST, Tag


class PinnedStore(Store):
    """Another store, with every tag resolved once: a version saved later does not become `latest` here.

    What it was asked for and has opened is remembered, so that it can be handed to other processes. A name that is
    first asked for later is pinned then, in this process alone. Safe for several threads.

    Args:
        inner: the store.
        pins: what tags mean already.
    """

    def __init__(self, inner: Store, pins: Iterable[PinnedTag] = ()) -> None:
        self.inner = inner
        self.kind = inner.kind
        self.url = inner.url
        self._lock = threading.Lock()
        self._exact: dict[str, Tag] = {}
        self._digests: dict[Tag, str] = {}
        for pin in pins:
            self._exact.update(dict.fromkeys(pin.asked, pin.tag))
            self._digests[pin.tag] = pin.digest

    def pins(self) -> tuple[PinnedTag, ...]:
        """What was asked for or opened until now, sorted by tag."""
        with self._lock:
            tags = sorted({*self._exact.values(), *self._digests})
            return tuple(
                PinnedTag(
                    tag,
                    self._digests.get(tag, ""),
                    tuple(sorted(asked for asked, exact in self._exact.items() if exact == tag and asked != str(tag))),
                )
                for tag in tags
            )

    def resolve(self, tag: Tag) -> Tag:
        """See `Store`; the answer for a tag without a version never changes."""
        if tag.is_exact:
            return self.inner.resolve(tag)
        with self._lock:
            # Both spellings mean one thing, whichever comes first.
            pinned = self._exact.get(tag.name) or self._exact.get(f"{tag.name}:{LATEST}")
            if pinned is None:
                pinned = self.inner.resolve(tag)
            self._exact[str(tag)] = pinned
            return pinned

    def list(self, name: str | None = None) -> list[Tag]:
        """See `Store`; later versions are listed, for they exist."""
        return self.inner.list(name)

    def open(self, tag: Tag) -> Path:
        """See `Store`.

        Raises:
            NotFound: see `Store`.
            ModelDigestMismatch: the version was deleted since, and another of its name put in its place.
        """
        path = self.inner.open(tag)
        digest = (read_model_info if self.kind is StoreKind.MODELS else read_bento_info)(path).digest
        with self._lock:
            pinned = self._digests.get(tag) or digest
            self._digests[tag] = pinned
        if digest != pinned:
            raise ModelDigestMismatch(
                f"{self.kind.noun} {tag} is not the one that was planned.",
                why=f"Its digest is {digest}, and was {pinned}.",
                do="restart the server to serve what is stored now",
            )
        return path

    def draft(self, tag: Tag, *, origin: str = "saved") -> AbstractContextManager[Path]:
        """See `Store`."""
        return self.inner.draft(tag, origin=origin)

    def delete(self, tag: Tag) -> None:
        """See `Store`."""
        self.inner.delete(tag)

    def origin(self, tag: Tag) -> str:
        """See `Store`."""
        return self.inner.origin(tag)
