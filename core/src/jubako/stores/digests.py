"""Sizes and SHA-256 digests of a version's files: computing them, and finding what is not as the manifest says.

A file is read once in a process, until it changes: whoever asks for its digest again is told the same. One that was
written just now is read again.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from jubako._progress import Advance
from jubako.errors import InvalidArgument, ModelDigestMismatch
from jubako.values.manifest import FileEntry

_PIECE_BYTES = 1024 * 1024
_TICK_NS = 20_000_000
_REMEDY = "delete this version, and save, build or import it again"


def _advance_unseen(_: int) -> None:
    """Nobody looks."""


def digest_folder(folder: Path, leave_out: Collection[str] = ()) -> tuple[FileEntry, ...]:
    """Describe every file below `folder`, sorted by path; reads those that were not read there before.

    Args:
        folder: what is to become a version.
        leave_out: paths that are not described, such as `bento.yaml`.

    Raises:
        InvalidArgument: it holds a link, a device, or a name that no version may have.
    """
    described = (path for path in iterate_files(folder) if path not in leave_out)
    return tuple(_describe(folder, path) for path in sorted(described))


def _describe(folder: Path, path: str) -> FileEntry:
    status = (folder / path).lstat()
    return FileEntry(path, status.st_size, _digest_as_it_is(folder / path, status))


def iterate_files(folder: Path) -> Iterator[str]:
    """The paths of all files below `folder`, with forward slashes; follows no link.

    Raises:
        InvalidArgument: there is something else than files and folders.
    """
    pending = [""]
    while pending:
        place = pending.pop()
        with os.scandir(folder / place) as entries:
            for entry in entries:
                path = f"{place}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{path}/")
                elif entry.is_file(follow_symlinks=False):
                    yield path
                else:
                    raise InvalidArgument(
                        f"{folder / path} is a link or a device.", why="A version holds only files and folders."
                    )


def verify_sizes(folder: Path, files: Iterable[FileEntry], leave_out: Collection[str] = ()) -> None:
    """Check that exactly the listed files are there, with their sizes; reads none of them.

    Args:
        folder: the version's folder.
        files: what its manifest lists.
        leave_out: files that are there and not listed: the manifest itself.

    Raises:
        ModelDigestMismatch: names the first file that is missing, of another size, or not listed.
    """
    expected = {entry.path: entry.size_bytes for entry in files}
    try:
        found = set(iterate_files(folder)) - set(leave_out)
    except InvalidArgument as error:
        raise ModelDigestMismatch(error.message, why=error.why, do=_REMEDY) from error
    except OSError as error:
        raise _unreadable(Path(error.filename or folder), error) from error
    for path in sorted(found ^ set(expected)):
        why = "The manifest lists it." if path in expected else "The manifest does not list it."
        raise ModelDigestMismatch(
            f"{folder / path} {'is missing' if path in expected else 'does not belong there'}.", why=why, do=_REMEDY
        )
    for path, size_bytes in expected.items():
        try:
            size = (folder / path).lstat().st_size
        except OSError as error:
            raise _unreadable(folder / path, error) from error
        if size != size_bytes:
            raise ModelDigestMismatch(
                f"{folder / path} has {size:,} bytes.", why=f"Its manifest says {size_bytes:,}.", do=_REMEDY
            )


def verify_files(folder: Path, files: Iterable[FileEntry], advance: Advance = _advance_unseen) -> None:
    """Check the SHA-256 of files; each is read once in a process, until it changes.

    Args:
        folder: the version's folder.
        files: what its manifest lists.
        advance: called with the bytes of each part that is checked.

    Raises:
        ModelDigestMismatch: names the first file that is missing or not what the manifest says.
    """
    for entry in files:
        path = folder / entry.path
        try:
            status = path.lstat()
            is_file = stat.S_ISREG(status.st_mode)
            digest = _digest_as_it_is(path, status, advance) if is_file else "none: no file"
        except OSError as error:
            raise _unreadable(path, error) from error
        if digest != entry.sha256:
            raise _damaged(path, digest, entry)


def copy_verified(source: Path, copy: Path, entry: FileEntry) -> None:
    """Copy a file as a new one, and check the SHA-256 of what was copied.

    Raises:
        ModelDigestMismatch: it is missing, or not what the manifest says.
        OSError: the copy cannot be written.
    """
    digest = hashlib.sha256()
    try:
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise _unreadable(source, error) from error
    with os.fdopen(descriptor, "rb") as file, copy.open("xb") as copied:
        # No more than there should be, and one byte that shows that there is more.
        left = entry.size_bytes + 1 if stat.S_ISREG(os.fstat(descriptor).st_mode) else 0
        while piece := file.read(min(left, _PIECE_BYTES)):
            digest.update(piece)
            copied.write(piece)
            left -= len(piece)
    if digest.hexdigest() != entry.sha256:
        raise _damaged(source, digest.hexdigest(), entry)


def sha256_of(path: Path, advance: Advance = _advance_unseen) -> str:
    """The SHA-256 of a file in 64 hexadecimal digits; reads it whole, in pieces.

    Args:
        path: the file.
        advance: called with the bytes of each piece.
    """
    digest = hashlib.sha256()
    piece = memoryview(bytearray(_PIECE_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(piece):
            digest.update(piece[:count])
            advance(count)
    return digest.hexdigest()


def _damaged(path: Path, digest: str, entry: FileEntry) -> ModelDigestMismatch:
    return ModelDigestMismatch(
        f"{path} is damaged, or was changed.",
        why=f"Its SHA-256 is {digest}; the manifest says {entry.sha256}.",
        do=_REMEDY,
    )


def _unreadable(path: Path, error: OSError) -> ModelDigestMismatch:
    return ModelDigestMismatch(f"{path} cannot be read.", why=f"{error.strerror}.", do=_REMEDY)


def _digest_as_it_is(path: Path, status: os.stat_result, advance: Advance = _advance_unseen) -> str:
    # The change time is set by every write and cannot be set back.
    identity = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    known = _known_digests(path, *identity)
    if known:
        advance(status.st_size)
        return known[0]
    digest = sha256_of(path, advance)
    # What is written within the same tick of the system's clock does not show in the change time.
    if time.time_ns() - status.st_ctime_ns > _TICK_NS:
        known.append(digest)
    return digest


@functools.lru_cache(maxsize=4096)
def _known_digests(_path: Path, *_identity: int) -> list[str]:
    """Where the digest of a file, as it is, is put once it was computed."""
    return []
