"""What an archive may hold: `Member`, and `Members`, the one validator of every format, written and read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

import attrs

from jubako.errors import InvalidArchive
from jubako.settings import ArchiveSettings

MAX_NAME_BYTES = 1024
"""Of a member's name; file systems take up to 4,096 for a path, and the store's own comes before it."""

MAX_PART_BYTES = 255
"""Of each part of a name between slashes: what file systems take."""

_DRIVE = re.compile(r"[A-Za-z]:")
_REMEDY = "get the archive anew from whoever made it; nothing of this one was stored"

Read = Callable[[int], bytes]
"""Gives at most so many of the next bytes; none at the end."""


@attrs.frozen
class Member:
    """A file or a folder of an archive.

    Args:
        name: relative, with forward slashes, without one at the end.
        size_bytes: of a file, as the archive declares it; 0 of a folder.
        is_folder: whether it is one.
        is_executable: whether its owner may run it; nothing else of a mode is kept.
    """

    name: str
    size_bytes: int
    is_folder: bool = False
    is_executable: bool = False


def refused(where: object, member: str | bytes, what: str, *, why: str = "", do: str = _REMEDY) -> InvalidArchive:
    """The error for an archive with a member that cannot be taken.

    Args:
        where: the archive.
        member: its name as it stands there; it may be anything.
        what: what it is, to follow `member 'x'`.
        why: what the rule is.
        do: what to do about it.
    """
    shown = repr(member if len(member) <= 120 else member[:120])
    return InvalidArchive(f"{where} is refused: its member {shown} {what}.", why=why, do=do)


def damaged(where: object, what: str) -> InvalidArchive:
    """The error for an archive whose own form is wrong.

    Args:
        where: the archive.
        what: what is wrong, a sentence without its full stop.
    """
    return InvalidArchive(f"{where} is refused: it is damaged, or no archive of Jubako.", why=f"{what}.", do=_REMEDY)


def decode_name(where: object, raw: bytes) -> str:
    """Read a name that stands in an archive.

    Raises:
        InvalidArchive: it is not UTF-8.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refused(where, raw, "has a name that is no UTF-8") from error


class Members:
    """Checks one member after the other, each alone and beside those before it.

    Args:
        where: the archive, for messages.
        limits: how much it may hold; None for what is written, which is bounded by what is stored.
    """

    def __init__(self, where: object, limits: ArchiveSettings | None) -> None:
        self._where = where
        self._limits = limits
        self._size_bytes = 0
        # Name as file systems without case see it -> whether it is a folder that has only been named by what is in it,
        # one with a member of its own, or a file.
        self._seen: dict[str, str] = {}

    def add(self, member: Member) -> None:
        """Check the next one.

        Raises:
            InvalidArchive: names the member, and what is wrong with it.
        """
        self._check_limits(member)
        check_name(self._where, member.name)
        folded = _folded(member.name)
        parts = folded.split("/")
        for count in range(1, len(parts)):
            above = "/".join(parts[:count])
            if self._seen.setdefault(above, "implied") == "file":
                raise self._refused(member, "lies in a file", why=f"{above!r} is a member that is no folder.")
        before = self._seen.get(folded)
        if before == ("folder" if member.is_folder else "file"):
            raise self._refused(
                member,
                "is there twice",
                why="Names that differ only in case, or in how accents are written, are one on some systems.",
            )
        if before is not None and not (before == "implied" and member.is_folder):
            raise self._refused(member, "is a file and a folder")
        self._seen[folded] = "folder" if member.is_folder else "file"
        # Folders that are only named by what is in them count too: one name can name hundreds.
        if self._limits is not None and len(self._seen) > self._limits.max_members:
            raise self._too_much("max_members", f"it has more than {self._limits.max_members:,} members and folders")

    def _check_limits(self, member: Member) -> None:
        if self._limits is None:
            return
        self._size_bytes += member.size_bytes
        if self._size_bytes > self._limits.max_bytes:
            raise self._too_much(
                "max_bytes",
                f"up to its member {member.name[:120]!r} it holds {self._size_bytes:,} bytes, "
                f"more than {self._limits.max_bytes:,}",
            )

    def _too_much(self, setting: str, what: str) -> InvalidArchive:
        return too_much(self._where, setting, what)

    def _refused(self, member: Member, what: str, why: str = "") -> InvalidArchive:
        return refused(self._where, member.name, what, why=why)


def too_much(where: object, setting: str, what: str) -> InvalidArchive:
    """The error for an archive beyond a limit.

    Args:
        where: the archive.
        setting: below `stores.archives`.
        what: what is too much, to follow a colon.
    """
    return InvalidArchive(
        f"{where} is refused: {what}.",
        why="An archive that unpacks to more than it should can fill a disk.",
        do=f"if you trust it, raise the setting stores.archives.{setting}",
    )


def check_name(where: object, name: str) -> None:
    """Check that a name stays inside the folder that it is written to, whatever the system.

    Raises:
        InvalidArchive: it does not, or cannot be written everywhere.
    """
    parts = name.split("/")
    if name.startswith("/") or _DRIVE.match(name):
        raise refused(where, name, "has an absolute path")
    if ".." in parts:
        raise refused(where, name, "leads out of its folder", why="It has '..' in its path.")
    if "\\" in name:
        raise refused(where, name, "has a backslash in its name", why="That separates folders on some systems.")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise refused(where, name, "has a control character in its name")
    if "" in parts or "." in parts:
        raise refused(where, name, "has an empty part or '.' in its path", why="A file has one way to be named here.")
    if len(name.encode()) > MAX_NAME_BYTES or any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        raise refused(
            where,
            name,
            "has too long a name",
            why=f"A name has at most {MAX_NAME_BYTES:,} bytes, and each part of it {MAX_PART_BYTES}.",
        )


def checked_members(
    where: object, members: Iterable[tuple[Member, Read]], limits: ArchiveSettings
) -> Iterator[tuple[Member, Read]]:
    """The members of an archive that is read, each checked before it is given and read to its end afterwards.

    A member's bytes can be read until the next one is asked for.

    Raises:
        InvalidArchive: one is not what it has to be, or the archive ends within it.
    """
    checked = Members(where, limits)
    for member, read in members:
        checked.add(member)
        yield member, read


def _folded(name: str) -> str:
    # NFD first: some letters fold to something else while they are in one piece with their accent.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
