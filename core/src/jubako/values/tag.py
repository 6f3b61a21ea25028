"""`Tag`: the name and version under which a model or a Bento is stored."""

from __future__ import annotations

import functools
import re
import secrets
import time
import warnings
from pathlib import PurePosixPath

import attrs

from jubako.errors import InvalidArgument

LATEST = "latest"
_MAX_LENGTH = 63
# fullmatch, never `$`: a dollar also matches before a trailing line feed.
_GRAMMAR = re.compile(r"[a-z0-9]([-._a-z0-9]*[a-z0-9])?")
_BASE32_HEX = "0123456789abcdefghijklmnopqrstuv"


# The converters stand above the class, which needs them when it is made.
def _normalized(text: object, part: str) -> str:
    if not isinstance(text, str):
        raise InvalidArgument(f"the {part} of a tag is text, not {type(text).__name__}.")
    lowered = text.lower() if text.isascii() else text
    if len(lowered) > _MAX_LENGTH or not _GRAMMAR.fullmatch(lowered):
        raise InvalidArgument(
            f"{text[:80]!r} cannot be the {part} of a tag.",
            why=f"It is 1 to {_MAX_LENGTH} characters of a-z, 0-9, '-', '.' and '_', "
            "and begins and ends with a letter or digit.",
        )
    if lowered != text:
        warnings.warn(f"tag {part} {text!r} is stored in lower case: {lowered!r}", stacklevel=5)
    return lowered


def _normalized_name(text: str) -> str:
    return _normalized(text, "name")


def _normalized_version(text: str | None) -> str | None:
    return None if text is None else _normalized(text, "version")


@functools.total_ordering
@attrs.frozen(order=False)
class Tag:
    """A name, with a version or without one; immutable, hashable, ordered by name and then version (none first).

    Both parts are 1 to 63 characters of `a-z 0-9 - . _` that begin and end with a letter or digit. Upper case is
    lowered with a warning. A tag without a version, or with the version `latest`, means the newest version of a store.

    Raises:
        InvalidArgument: a part breaks the grammar.
    """

    name: str = attrs.field(converter=_normalized_name)
    version: str | None = attrs.field(default=None, converter=_normalized_version)

    @classmethod
    def from_str(cls, text: str) -> Tag:
        """Read `name` or `name:version`; `from_str(str(tag)) == tag` for every tag.

        Raises:
            InvalidArgument: the text has an empty part, a second colon, or breaks the grammar.
        """
        if not isinstance(text, str):
            raise InvalidArgument(f"a tag is written as text, not {type(text).__name__}.", do='write "name:version"')
        name, colon, version = text.partition(":")
        if colon and not version:
            exact = cls(name)  # which refuses what is no name first
            raise InvalidArgument(f"tag {text!r} ends with a colon.", do=f"write '{exact}' or '{exact}:version'")
        return cls(name, version if colon else None)

    @classmethod
    def from_taglike(cls, tag: Tag | str) -> Tag:
        """Return a Tag as it is, and read a text with `from_str`."""
        return tag if isinstance(tag, Tag) else cls.from_str(tag)

    @property
    def is_exact(self) -> bool:
        """True if the tag names one version: it has one, and it is not `latest`."""
        return self.version is not None and self.version != LATEST

    def make_new_version(self, *, now_ms: int | None = None, random_bits: int | None = None) -> Tag:
        """Return this name with a new version of 16 characters that sorts by the time it was made.

        Args:
            now_ms: milliseconds since 1970; the clock's if None. 48 bits are kept, enough until the year 10889.
            random_bits: 32 bits that keep two versions of one millisecond apart; from the system if None.

        Raises:
            InvalidArgument: the tag has a version already.
        """
        if self.version is not None:
            raise InvalidArgument(f"tag {self} has a version already.", do="start from a tag without one")
        milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        noise = secrets.randbits(32) if random_bits is None else random_bits
        number = (milliseconds & (1 << 48) - 1) << 32 | (noise & (1 << 32) - 1)
        digits = (_BASE32_HEX[number >> shift & 31] for shift in range(75, -1, -5))
        return attrs.evolve(self, version="".join(digits))

    def path(self) -> PurePosixPath:
        """`name/version`, the place in a store.

        Raises:
            InvalidArgument: the tag names no exact version.
        """
        if not self.is_exact:
            raise InvalidArgument(f"tag {self} names no exact version.", do="resolve it in a store first")
        return PurePosixPath(self.name, str(self.version))

    def latest_path(self) -> PurePosixPath:
        """`name/latest`: where BentoML's stores note the latest version. Those of Jubako have no such file."""
        return PurePosixPath(self.name, LATEST)

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}:{self.version}"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Tag):
            return NotImplemented
        return (self.name, self.version or "") < (other.name, other.version or "")
