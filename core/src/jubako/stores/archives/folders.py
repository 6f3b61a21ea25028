"""Exported folders: a version as it is, without a wrapping."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from jubako.stores.archives.members import Member, Read, damaged, refused

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class FolderWriter:
    """Writes members as files below a folder, which must be fresh and nobody else's.

    Args:
        folder: empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, member: Member, pieces: Iterable[bytes]) -> None:
        """Write a file; its folders are made when they are needed."""
        write_new(self._folder, member, pieces, is_synced=True)

    def close(self) -> None:
        """Do nothing: all is written."""


def write_new(folder: Path, member: Member, pieces: Iterable[bytes], *, is_synced: bool = False) -> None:
    """Write a file that is not there, through no link, below a folder that nobody else writes to.

    Args:
        folder: what its name starts from.
        member: the file.
        pieces: its content.
        is_synced: whether it is on the disk when this returns.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o777 if member.is_executable else 0o666)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
        if is_synced:
            file.flush()
            os.fsync(file.fileno())


def open_regular(path: Path) -> tuple[BinaryIO, os.stat_result] | None:
    """Open a file for reading, through no link; None if it is something else than a file.

    Raises:
        OSError: it cannot be opened.
    """
    # A pipe would be waited for, were it opened to be read to its end.
    flags = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode):
        return file, status
    file.close()
    return None


def read_folder(folder: Path) -> Generator[tuple[Member, Read], None, None]:
    """The files and folders below a folder, sorted by name in each.

    Raises:
        InvalidArchive: there is a link, or something else than files and folders.
        OSError: something cannot be read.
    """
    pending = [""]
    while pending:
        place = pending.pop()
        with os.scandir(folder / place) as found:
            entries = sorted(found, key=lambda entry: entry.name, reverse=True)
        pending += [f"{place}{entry.name}/" for entry in entries if entry.is_dir(follow_symlinks=False)]
        for entry in reversed(entries):
            name = _text(folder, f"{place}{entry.name}")
            if entry.is_dir(follow_symlinks=False):
                yield Member(name, 0, is_folder=True), lambda _: b""
            else:
                yield from _read_file(folder, name, entry)


def _read_file(folder: Path, name: str, entry: os.DirEntry[str]) -> Generator[tuple[Member, Read], None, None]:
    if entry.is_symlink():
        raise refused(folder, name, "is a symbolic link")
    opened = open_regular(folder / name) if entry.is_file(follow_symlinks=False) else None
    if opened is None:
        raise refused(folder, name, "is neither a file nor a folder")
    file, status = opened
    with closing(file):
        yield Member(name, status.st_size, is_executable=bool(status.st_mode & stat.S_IXUSR)), file.read


def _text(folder: Path, name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise damaged(folder, f"{os.fsencode(name)!r} has a name that is no UTF-8") from error
    return name
