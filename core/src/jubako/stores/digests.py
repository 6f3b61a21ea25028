"""Sizes and SHA-256 digests of a version's files: computing them, and finding what is not as the manifest says."""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from jubako.errors import InvalidArgument, ModelDigestMismatch
from jubako.values.manifest import FileEntry

_PIECE_BYTES = 1024 * 1024
_REMEDY = "delete this version, and save, build or import it again"


def digest_folder(folder: Path, leave_out: Collection[str] = ()) -> tuple[FileEntry, ...]:
    """Describe every file below `folder`, sorted by path; reads all of them.

    Args:
        folder: what is to become a version.
        leave_out: paths that are not described, such as `bento.yaml`.

    Raises:
        InvalidArgument: it holds a link, a device, or a name that no version may have.
    """
    described = (path for path in iterate_files(folder) if path not in leave_out)
    return tuple(
        FileEntry(path, (folder / path).stat().st_size, sha256_of(folder / path)) for path in sorted(described)
    )


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


def verify_files(folder: Path, files: Iterable[FileEntry]) -> None:
    """Check the SHA-256 of files; each is read once in a process, until it changes.

    Raises:
        ModelDigestMismatch: names the first file that is missing or not what the manifest says.
    """
    for entry in files:
        path = folder / entry.path
        try:
            status = path.lstat()
            digest = _digest_as_it_is(path, *_identity(status)) if stat.S_ISREG(status.st_mode) else "none: no file"
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


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in 64 hexadecimal digits; reads it whole, in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: Path, digest: str, entry: FileEntry) -> ModelDigestMismatch:
    return ModelDigestMismatch(
        f"{path} is damaged, or was changed.",
        why=f"Its SHA-256 is {digest}; the manifest says {entry.sha256}.",
        do=_REMEDY,
    )


def _unreadable(path: Path, error: OSError) -> ModelDigestMismatch:
    return ModelDigestMismatch(f"{path} cannot be read.", why=f"{error.strerror}.", do=_REMEDY)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    # The change time is set by every write and cannot be set back.
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@functools.lru_cache(maxsize=4096)
def _digest_as_it_is(path: Path, *_identity_of_file: int) -> str:
    return sha256_of(path)
