"""`PinnedStore`: a store whose tags mean for good what they meant when they were first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from jubako.contracts.store import Store, StoreKind
from jubako.errors import ModelDigestMismatch
from jubako.stores.manifests import read_bento_info, read_model_info
from jubako.stores.pins import Pins
from jubako.values.plan import PinnedTag
from jubako.values.tag import Tag


class PinnedStore(Store):
    """Another store, with every tag resolved once: a version saved later does not become `latest` here.

    What it was asked for and has opened is remembered, so that it can be handed to other processes. Safe for several
    threads.

    Args:
        inner: the store.
        pins: what tags mean already.
        agree: settles what a tag means that is asked for or opened for the first time: takes what is found here, and
            returns what holds for all processes. None settles it here alone.
    """

    def __init__(
        self,
        inner: Store,
        pins: Iterable[PinnedTag] = (),
        agree: Callable[[PinnedTag], PinnedTag] | None = None,
    ) -> None:
        self.inner = inner
        self.kind = inner.kind
        self.url = inner.url
        self._pins = Pins(pins)
        self._agree = agree
        self._lock = threading.Lock()

    def pins(self) -> tuple[PinnedTag, ...]:
        """What was asked for or opened until now, sorted by tag."""
        return self._pins.all()

    def resolve(self, tag: Tag) -> Tag:
        """See `Store`; the answer for a tag without a version never changes."""
        if tag.is_exact:
            return self.inner.resolve(tag)
        # One thread at a time asks the others, so that all of this process are told the same.
        with self._lock:
            return self._pins.latest(tag.name) or self._settle(PinnedTag(self.inner.resolve(tag), is_latest=True)).tag

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
            pinned = self._pins.digest(tag) or self._settle(PinnedTag(tag, digest)).digest
        if digest != pinned:
            raise ModelDigestMismatch(
                f"{self.kind.noun} {tag} is not the one that was planned.",
                why=f"Its digest is {digest}, and was {pinned}.",
                do="restart the server to serve what is stored now",
            )
        return path

    def draft(
        self, tag: Tag, *, origin: str = "saved", is_latest: bool = False, is_replacing: bool = False
    ) -> AbstractContextManager[Path]:
        """See `Store`."""
        return self.inner.draft(tag, origin=origin, is_latest=is_latest, is_replacing=is_replacing)

    def delete(self, tag: Tag) -> None:
        """See `Store`."""
        self.inner.delete(tag)

    def verify_manifest(self, tag: Tag) -> None:
        """See `Store`."""
        self.inner.verify_manifest(tag)

    def origin(self, tag: Tag) -> str:
        """See `Store`."""
        return self.inner.origin(tag)

    def _settle(self, found: PinnedTag) -> PinnedTag:
        return self._pins.agree(found if self._agree is None else self._agree(found))
