"""`Pins`: what tags mean for good, once somebody has said so."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from jubako.values.plan import PinnedTag
from jubako.values.tag import Tag


class Pins:
    """A table of pins, in which whoever is first decides; safe for several threads.

    Args:
        pins: what tags mean already.
    """

    def __init__(self, pins: Iterable[PinnedTag] = ()) -> None:
        self._lock = threading.Lock()
        self._latest: dict[str, Tag] = {}
        self._digests: dict[Tag, str] = {}
        for pin in pins:
            self.agree(pin)

    def agree(self, said: PinnedTag) -> PinnedTag:
        """Take what is said of a tag where nothing was said of it before.

        Args:
            said: as one process has found it.

        Returns:
            What holds: perhaps another version of the name, or another digest.
        """
        with self._lock:
            tag = self._latest.setdefault(said.tag.name, said.tag) if said.is_latest else said.tag
            digest = self._digests.get(tag, "")
            if not digest and tag == said.tag:
                digest = said.digest
            self._digests[tag] = digest
            return self._pin(tag)

    def latest(self, name: str) -> Tag | None:
        """What a name without a version means; None if nothing was said of it."""
        with self._lock:
            return self._latest.get(name)

    def digest(self, tag: Tag) -> str:
        """The digest of an exact tag; empty if nothing was said of it."""
        with self._lock:
            return self._digests.get(tag, "")

    def all(self) -> tuple[PinnedTag, ...]:
        """Everything that was said, sorted by tag."""
        with self._lock:
            return tuple(self._pin(tag) for tag in sorted(self._digests))

    def _pin(self, tag: Tag) -> PinnedTag:
        return PinnedTag(tag, self._digests[tag], self._latest.get(tag.name) == tag)
