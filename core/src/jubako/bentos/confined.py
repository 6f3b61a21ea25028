"""Opening files below a folder so that no link leads out of it, not even one that is swapped in meanwhile."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from jubako.errors import BuildError

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
    except OSError as error:
        raise BuildError(
            f"{relative!r} of the build context cannot be packed.",
            why=f"{error.strerror}.",
            do="exclude it, or replace it by a plain file",
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BuildError(f"{relative!r} of the build context is no plain file.", do="exclude it")
    return os.fdopen(descriptor, "rb")


def resolve_link(root: Path, relative: str) -> str:
    """Return where a link below `root` leads, relative to `root` and without further links.

    Raises:
        BuildError: it leads out of `root`, to nothing, or to a folder.
    """
    try:
        target = (root / relative).resolve(strict=True)
    except (OSError, RuntimeError):  # dangling, or a loop
        target = root / relative
    if not target.is_relative_to(root):
        why, remedy = "It leads out of the build context.", "exclude it, or copy the file into the context"
    elif not target.is_file() or target.is_symlink():
        why = "It leads to a folder." if target.is_dir() else "It leads to nothing."
        remedy = "exclude it, or replace it by what it stands for"
    else:
        return target.relative_to(root).as_posix()
    raise BuildError(f"the link {relative!r} of the build context cannot be packed.", why=why, do=remedy)


def _open_stepwise(root: Path, parts: list[str]) -> int:
    # O_NONBLOCK: opening a FIFO must not wait for a writer.
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def _open_checked(path: Path) -> int:
    """Where folders cannot be opened (Windows): look first, which a fast swap could defeat."""
    if path.is_symlink() or not path.is_file():
        raise OSError(0, "it is a link or no file")
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
