"""`ArchiveFormat`: the wrappings of an archive, how one is chosen, and where an archive is written."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

from jubako.contracts.store import StoreKind
from jubako.errors import InvalidArchive, InvalidArgument, NotFound
from jubako.values.tag import Tag

_TAR_MAGIC_AT = 257
_TAR_MAGIC = b"ustar"


class ArchiveFormat(Enum):
    """How the members of a version are wrapped; the value is what `--format` takes."""

    NATIVE = "native"
    TAR = "tar"
    GZ = "gz"
    XZ = "xz"
    BZ2 = "bz2"
    ZIP = "zip"
    FOLDER = "folder"

    def suffix(self, kind: StoreKind) -> str:
        """What the name of such an archive ends with, such as `.tar.gz`; empty for a folder."""
        if self is ArchiveFormat.NATIVE:
            return native_suffix(kind)
        if self is ArchiveFormat.FOLDER:
            return ""
        return f".{self.value}" if self in (ArchiveFormat.TAR, ArchiveFormat.ZIP) else f".tar.{self.value}"


_BY_SUFFIX = {
    "bento": ArchiveFormat.NATIVE,
    "jubako-model": ArchiveFormat.NATIVE,
    "tar": ArchiveFormat.TAR,
    "gz": ArchiveFormat.GZ,
    "tgz": ArchiveFormat.GZ,
    "xz": ArchiveFormat.XZ,
    "txz": ArchiveFormat.XZ,
    "bz2": ArchiveFormat.BZ2,
    "tbz2": ArchiveFormat.BZ2,
    "zip": ArchiveFormat.ZIP,
}
_BY_MAGIC = {
    b"\x1f\x8b": ArchiveFormat.GZ,
    b"\xfd7zXZ\x00": ArchiveFormat.XZ,
    b"BZh": ArchiveFormat.BZ2,
    b"PK": ArchiveFormat.ZIP,
}


def native_suffix(kind: StoreKind) -> str:
    """`.jubako-model` or `.bento`; inside, it is a tar that gzip has compressed."""
    return ".jubako-model" if kind is StoreKind.MODELS else ".bento"


def format_by_name(name: str | None) -> ArchiveFormat | None:
    """The format of a name such as `zip`, or of a native suffix without its dot; None for None.

    Raises:
        InvalidArgument: there is no such format.
    """
    if name is None:
        return None
    try:
        return ArchiveFormat.NATIVE if name in ("bento", "jubako-model") else ArchiveFormat(name)
    except ValueError:
        known = ", ".join(each.value for each in ArchiveFormat)
        raise InvalidArgument(f"there is no archive format {name!r}.", do=f"use one of {known}") from None


def format_by_suffix(path: Path) -> ArchiveFormat | None:
    """The format that the last suffix of a name stands for; None if it stands for none."""
    return _BY_SUFFIX.get(path.suffix[1:].lower())


def format_by_content(path: Path) -> ArchiveFormat:
    """What a file or folder is by its first bytes, whatever its name says.

    Raises:
        NotFound: there is nothing.
        InvalidArchive: it is none of the formats, or cannot be read.
    """
    if path.is_dir():
        return ArchiveFormat.FOLDER
    try:
        # Something that is no file, such as a pipe, would be waited for.
        if path.exists() and not path.is_file():
            raise InvalidArchive(f"{path} is no archive.", why="It is neither a file nor a folder.")
        with path.open("rb") as file:
            begin = file.read(_TAR_MAGIC_AT + len(_TAR_MAGIC))
    except FileNotFoundError as error:
        raise NotFound(f"there is no archive {path}.", do="correct the path") from error
    except OSError as error:
        raise InvalidArchive(f"{path} cannot be read.", why=f"{error.strerror}.") from error
    for magic, found in _BY_MAGIC.items():
        if begin.startswith(magic):
            return found
    if begin[_TAR_MAGIC_AT:] == _TAR_MAGIC:
        return ArchiveFormat.TAR
    raise InvalidArchive(
        f"{path} is no archive of Jubako.",
        why="It begins like no tar, gz, xz, bz2 or zip file.",
        do="give a file that `jubako export` or `jubako models export` has written",
    )


def destination(path: str, tag: Tag, kind: StoreKind, asked: ArchiveFormat | None) -> tuple[Path, ArchiveFormat]:
    """Where a version is written, and in which format.

    Args:
        path: an existing folder, or a text that ends with a slash: a file `<name>-<version>` inside; the name of a
            file; empty is the working directory.
        tag: exact.
        kind: of the version.
        asked: the format; None takes it from the suffix of the name, and the native one where that says nothing.

    Raises:
        InvalidArgument: the folder that it is to be written in does not exist.
    """
    given = Path(path).expanduser()
    if not path or path.endswith(("/", os.sep)) or given.is_dir():
        chosen = asked or ArchiveFormat.NATIVE
        place = given / f"{tag.name}-{tag.version}{chosen.suffix(kind)}"
    else:
        chosen = asked or format_by_suffix(given) or ArchiveFormat.NATIVE
        is_complete = chosen is not ArchiveFormat.NATIVE or given.suffix == native_suffix(kind)
        place = given if is_complete else given.with_name(given.name + native_suffix(kind))
    place = place.absolute()
    if not place.parent.is_dir():
        raise InvalidArgument(
            f"{kind.noun} {tag} cannot be exported to {place}.",
            why=f"There is no folder {place.parent}.",
            do=f"make it first: mkdir -p {place.parent}",
        )
    return place, chosen
