"""Opening files below a folder so that no link leads out of it, not even one that is swapped in meanwhile."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from jubako.errors import BuildError

_LONGEST_SHOWN = 120
_HAS_DIR_FD = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


def open_below(root: Path, relative: str) -> BinaryIO:
    """Open a regular file below `root` for reading; each step of the way is a real folder.

    Args:
        root: an absolute path, trusted.
        relative: with forward slashes, without `..`.

    Raises:
        BuildError: the file is a link or a device, cannot be read, or a folder on the way is a link.
    """
    try:
        descriptor = _open_stepwise(root, relative.split("/")) if _HAS_DIR_FD else _open_checked(root / relative)
    except _NoPlainFile:
        raise _no_plain_file(relative) from None
    except OSError as error:
        raise BuildError(
            f"{shown(relative)} of the build context cannot be packed.",
            why=f"{error.strerror}.",
            do="exclude it, or replace it by a plain file",
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_plain_file(relative)
    return os.fdopen(descriptor, "rb")


def list_below(root: Path, relative: str) -> list[tuple[str, bool]]:
    """The names in a folder below `root`, sorted, and whether each is a folder; no link is one.

    Args:
        root: an absolute path, trusted.
        relative: with forward slashes, without `..`; empty for `root` itself. Each step of the way is a real folder.

    Raises:
        BuildError: the folder cannot be read, or is a link.
    """
    try:
        if not _HAS_DIR_FD:
            with os.scandir(root / relative) as entries:
                return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        folder = _open_folder(root, relative.split("/") if relative else [])
        try:
            with os.scandir(folder) as entries:
                return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        finally:
            os.close(folder)
    except OSError as error:
        raise BuildError(
            f"the folder {shown(relative or '.')} of the build context cannot be packed.",
            why=f"{error.strerror}.",
            do="exclude it, or make it readable",
        ) from error


def shown(path: str) -> str:
    """A path as errors show it: on one line, and not for ever."""
    return repr(path if len(path) <= _LONGEST_SHOWN else f"{path[:_LONGEST_SHOWN]}…")


def resolve_link(root: Path, relative: str) -> str:
    """Return where a link below `root` leads, relative to `root` and without further links.

    Raises:
        BuildError: it leads out of `root`, to nothing, or to a folder.
    """
    remedy = "exclude it, or replace it by what it stands for"
    try:
        target = (root / relative).resolve(strict=True)
        mode = target.lstat().st_mode
    except RuntimeError:
        why = "It leads back to itself."
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        why = "It leads to nothing." if is_missing else f"{error.strerror}."
    else:
        if not target.is_relative_to(root):
            why, remedy = "It leads out of the build context.", "exclude it, or copy the file into the context"
        elif stat.S_ISREG(mode):
            return target.relative_to(root).as_posix()
        else:
            why = "It leads to a folder." if stat.S_ISDIR(mode) else "It leads to what is no plain file."
    raise BuildError(f"the link {shown(relative)} of the build context cannot be packed.", why=why, do=remedy)


class _NoPlainFile(OSError):
    pass


def _no_plain_file(relative: str) -> BuildError:
    return BuildError(
        f"{shown(relative)} of the build context is no plain file.",
        why="It is a folder, a device, a pipe or a socket.",
        do="exclude it",
    )


def _open_stepwise(root: Path, parts: list[str]) -> int:
    folder = _open_folder(root, parts[:-1])
    try:
        # Opening a device can do something already; what stands there is looked at before, and again afterwards.
        mode = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
            raise _NoPlainFile
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def _open_folder(root: Path, parts: list[str]) -> int:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
    except BaseException:
        os.close(folder)
        raise
    return folder


def _open_checked(path: Path) -> int:
    """Where folders cannot be opened (Windows): look first, which a fast swap could defeat."""
    if path.is_symlink() or not path.is_file():
        raise OSError(0, "it is a link or no file")
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
