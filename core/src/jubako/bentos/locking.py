"""Locks: every distribution by version and hash, kept beside the sources so that each build has the same ones.

`bentofile.lock` is an input of a build, as the sources are. Its head has a digest of what it was made from; while that
is the same, it is taken as it is, and no index is asked.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jubako.bentos.named_files import open_named
from jubako.bentos.requirements import HASH, Asked, exact_version, logical_lines, parse_requirement
from jubako.errors import BuildError, InvalidArgument

LOCK_NAME = "bentofile.lock"

_HEAD = (
    "# Made by `jubako build`; keep it with the sources. It is made anew when what it was made from changes,",
    "# and with `jubako build --relock`.",
)
_INPUTS = re.compile(r"(?m)^# inputs: (sha256:[0-9a-f]{64})$")
_HASHES = re.compile(r"\s--hash[=\s]\s*(\S+)")
_MAX_BYTES = 16 * 1024 * 1024


@attrs.frozen
class Pinned:
    """One distribution of a lock.

    Args:
        requirement: with one version by `==`, and a marker if it is not for every machine. Without hashes it can be
            as it was asked for.
        hashes: sorted, of all its files; empty if nobody knows them.
    """

    requirement: Requirement
    hashes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """In its one spelling."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The one version; empty if nobody knows which it is."""
        return exact_version(self.requirement)

    def __str__(self) -> str:
        if not self.version:
            return str(self.requirement)
        marker = f" ; {self.requirement.marker}" if self.requirement.marker else ""
        return hashed(f"{self.name}=={self.version}{marker}", self.hashes)


def hashed(requirement: str, hashes: Iterable[str]) -> str:
    """The lines of a requirement with its hashes, as pip and uv read them."""
    return " \\\n".join([requirement, *(f"    --hash={digest}" for digest in hashes)])


def digest_inputs(lines: Iterable[str]) -> str:
    """`sha256:…` of what a lock is made from."""
    text = "\n".join(["1", *lines])
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def read_lock(context: Path, inputs: str) -> list[Pinned] | None:
    """The lock of the context if it was made from these inputs; None if not, or if there is none.

    Raises:
        BuildError: it is damaged, or leads out of the context.
    """
    if not os.path.lexists(context / LOCK_NAME):
        return None
    with open_named(context, LOCK_NAME, "the lock") as file:
        content = file.read(_MAX_BYTES + 1)
    head = _INPUTS.search(content[:1000].decode("utf-8", "replace"))
    if head is None or head[1] != inputs:
        return None
    if len(content) > _MAX_BYTES:
        raise BuildError(f"{LOCK_NAME} is larger than {_MAX_BYTES >> 20} MiB.", do=_RELOCK)
    return [_checked(pinned) for pinned in parse_pinned(content.decode("utf-8", "replace"), LOCK_NAME)]


def keep_lock(context: Path, inputs: str, pinned: Iterable[Pinned]) -> None:
    """Write the lock into the context, whole or not at all; warns if that cannot be written to."""
    text = "\n".join([*_HEAD, f"# inputs: {inputs}", *map(str, pinned), ""])
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{LOCK_NAME}-", dir=context)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o644)
            file.write(text)
        Path(temporary).replace(context / LOCK_NAME)
    except OSError as error:
        warnings.warn(
            f"{LOCK_NAME} is not kept in {context} ({error.strerror}): only this Bento has it, and the next build asks "
            f"the index again.",
            stacklevel=2,
        )
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def parse_pinned(text: str, where: str, packed: frozenset[str] = frozenset()) -> list[Pinned]:
    """Read what a tool has written, or a lock that was kept; sorted by name and marker.

    Args:
        text: lines as in a requirements file, without options.
        where: for messages.
        packed: names of what is left out, because its wheel is packed.

    Raises:
        BuildError: something is no distribution with one exact version.
    """
    found = [pinned for line in logical_lines(text, where) for pinned in _parse(*line, where, packed)]
    return sorted(found, key=lambda pinned: (pinned.name, str(pinned.requirement)))


def keep_given_hashes(pinned: Iterable[Pinned], asked: Iterable[Asked]) -> list[Pinned]:
    """Leave only those hashes that the user's requirements file allows, where it has some.

    Raises:
        BuildError: the index has none of these files.
    """
    allowed = {each.name: each.hashes for each in asked if each.hashes}
    kept = []
    for each in pinned:
        hashes = tuple(digest for digest in each.hashes if digest in allowed.get(each.name, each.hashes))
        if each.hashes and not hashes:
            raise BuildError(
                f"no file of {each.name} {each.version} has one of the hashes that the requirements file names.",
                why="The index has other files than those that the hashes were taken of.",
                do="find out why, before you install anything of it",
            )
        kept.append(attrs.evolve(each, hashes=hashes))
    return kept


_RELOCK = "jubako build --relock"


def _parse(number: int, line: str, where: str, packed: frozenset[str]) -> Iterator[Pinned]:
    text = _HASHES.split(line)[0].strip()
    # A tool repeats the path of a wheel that it was given.
    direct = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])? @ file:", text)
    if direct and canonicalize_name(direct[1]) in packed:
        return
    hashes = sorted(set(_HASHES.findall(line)))
    try:
        requirement = parse_requirement(text, f"{where}, line {number}")
    except InvalidArgument as error:
        raise BuildError(error.message, why=error.why, do=_RELOCK) from error
    if not exact_version(requirement) or not all(map(HASH.fullmatch, hashes)):
        raise BuildError(f"{where}, line {number}: {text[:80]!r} is not locked to one version.", do=_RELOCK)
    if canonicalize_name(requirement.name) not in packed:
        yield Pinned(requirement, tuple(hashes))


def _checked(pinned: Pinned) -> Pinned:
    if not pinned.hashes:
        raise BuildError(f"{LOCK_NAME} has no hash of {pinned.name}.", do=_RELOCK)
    return pinned
