"""Getting files and folders onto the disk before anything says that they are there."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import NoReturn

from jubako.stores.digests import iterate_files


def seal(folder: Path) -> None:
    """Make every file below `folder` read-only, and write files and folders to the disk.

    Raises:
        InvalidArgument: there is a link or a device.
        OSError: something cannot be written.
    """
    for path in map(folder.joinpath, iterate_files(folder)):
        _sync(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        sealed = mode & ~0o222 | stat.S_IRUSR
        # A file that another version has too may be in use there, and be read again once anything of it changes.
        if mode != sealed:
            path.chmod(sealed)
    for inner, _, _ in os.walk(folder, topdown=False, onerror=_raise):
        # Renaming and deleting the version later need its folders writable.
        Path(inner).chmod(stat.S_IMODE(Path(inner).stat().st_mode) | stat.S_IRWXU)
        sync_folder(Path(inner))


def write_durably(path: Path, content: bytes) -> None:
    """Write a file, replacing one that is there; on the disk when this returns, its folder's entry not yet."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Create a folder and those above it that are missing; what was created is on the disk when this returns."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    make_one_folder(folder)
    sync_folder(folder.parent)


def make_one_folder(folder: Path, mode: int = 0o777) -> None:
    """Create a folder unless it is there; one that another process removes meanwhile may be missing afterwards.

    `Path.mkdir` with `exist_ok` raises then: it meets the folder, and finds none when it looks what it is.
    """
    try:
        folder.mkdir(mode)
    except FileExistsError:
        if folder.is_file():
            raise


def make_facts_folder(folder: Path) -> None:
    """Create `.store`, as `make_folder` does, but writable for its owner alone whatever the umask: it holds `trust`."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    make_one_folder(folder, 0o755)
    sync_folder(folder.parent)


def sync_folders(folder: Path, top: Path) -> None:
    """Write the entries of a folder to the disk, and of every folder above it up to `top`.

    All of them each time: another process may have created one just now, and not have come to syncing it. A folder
    that another process has removed meanwhile is passed over: the folder above it holds that.

    Raises:
        OSError: one cannot be synced, or `top` is gone.
    """
    for each in (folder, *folder.parents):
        if each == top:
            break
        with contextlib.suppress(FileNotFoundError):
            sync_folder(each)
    sync_folder(top)


def sync_folder(folder: Path) -> None:
    """Write a folder's entries to the disk; nothing where folders cannot be opened (Windows)."""
    if os.name == "posix":
        _sync(folder)


def _raise(error: OSError) -> NoReturn:
    raise error


def _sync(path: Path) -> None:
    # Windows syncs only what is open for writing.
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
