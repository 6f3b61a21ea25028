"""Having a stored file in another version too, without a second copy of its bytes where the system can do that."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path
from typing import BinaryIO

# Whole blocks of every file system, so that the pieces can be shared; and few calls.
_RANGE_BYTES = 256 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024


def link_or_copy(source: Path, place: Path) -> bool:
    """Put a file at `place`, where nothing is: as a hard link if nobody may write to it, else as a copy.

    A hard link needs one file system. A copy shares its blocks with the source where the file system can (Btrfs, XFS);
    elsewhere the system copies them itself where it can, so that they do not pass through this process.

    Returns:
        True if it is a link.

    Raises:
        OSError: the source is no plain file, or cannot be read; or `place` cannot be written.
    """
    # Never a link's target. And opening a FIFO must not wait for a writer.
    descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is no plain file", str(source))
        # What can still be written to is not linked: the other version would change with it.
        if not status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            with contextlib.suppress(OSError):
                os.link(source, place, follow_symlinks=False)
                return True
        with place.open("xb") as copy:
            _copy(file, copy, status.st_size)
    return False


def _copy(file: BinaryIO, copy: BinaryIO, size_bytes: int) -> None:
    # Not offered by every system, nor between all file systems; what it has done then is done again.
    with contextlib.suppress(AttributeError, OSError):
        left = size_bytes
        while left and (copied := os.copy_file_range(file.fileno(), copy.fileno(), min(left, _RANGE_BYTES))):
            left -= copied
        if not left:
            return
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    os.lseek(copy.fileno(), 0, os.SEEK_SET)
    shutil.copyfileobj(file, copy, _PIECE_BYTES)
