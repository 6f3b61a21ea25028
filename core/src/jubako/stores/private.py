"""Files that no other account can change or exchange between the moment when they are checked and that of their use."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from jubako.stores.digests import copy_verified, verify_files
from jubako.stores.failures import store_failure
from jubako.values.manifest import FileEntry


@contextlib.contextmanager
def private_files(folder: Path, files: Sequence[FileEntry]) -> Iterator[Path]:
    """Check the SHA-256 of files, and give a folder where they stay what was checked until the block ends.

    That is `folder` if this account and root alone can write to it, to its files, and to the folders above it. If
    others can, it is a copy of the files among the temporary ones, which goes with the block.

    Raises:
        ModelDigestMismatch: names the first file that is missing or not what the manifest says.
        StoreError: the copy cannot be written.
    """
    # Links on the way could be led elsewhere later.
    place = folder.resolve()
    if _is_ours_alone(place, files):
        verify_files(folder, files)
        yield folder
        return
    with contextlib.ExitStack() as stack:
        with store_failure(f"the files of {folder}, which others can write to, cannot be copied"):
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jubako-", ignore_cleanup_errors=True)))
            for entry in files:
                (copy / entry.path).parent.mkdir(parents=True, exist_ok=True)
                copy_verified(folder / entry.path, copy / entry.path, entry)
        yield copy


def is_open_to_others(status: os.stat_result) -> bool:
    """True if a file or folder belongs, or may be written to by, another account than this one and root."""
    return os.name == "posix" and (
        bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)) or status.st_uid not in (0, os.geteuid())
    )


def _is_ours_alone(folder: Path, files: Sequence[FileEntry]) -> bool:
    paths = {folder / entry.path for entry in files}
    inside = {parent for path in paths for parent in path.parents if parent.is_relative_to(folder)}
    with contextlib.suppress(OSError):  # what is missing is said where it is read
        return not (
            any(is_open_to_others(path.lstat()) for path in (*paths, *inside, folder))
            or any(map(_is_exchangeable, folder.parents))
        )
    return True


def _is_exchangeable(folder: Path) -> bool:
    """True if others can put something else in the place of what is in a folder, and belongs to us."""
    status = folder.stat()
    is_sticky = bool(status.st_mode & stat.S_ISVTX) and status.st_uid in (0, os.geteuid())
    return is_open_to_others(status) and not is_sticky
