"""`inspect`: everything that is wrong with a stored version, not only what is found first."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

import attrs

from jubako._progress import Advance, tracking
from jubako.contracts.store import Store
from jubako.errors import InvalidManifest, JubakoError, ModelDigestMismatch, StoreError
from jubako.stores.manifests import read_info
from jubako.values.bento import BentoInfo
from jubako.values.manifest import FileEntry
from jubako.values.model import ModelInfo
from jubako.values.tag import Tag

_PIECE_BYTES = 1024 * 1024
_TRIES = 5
_MOST_NAMED = 10


@attrs.frozen
class Fault:
    """One thing that is not as it was published.

    Args:
        path: the file or folder, relative to the version's folder with forward slashes; empty for that folder itself.
        problem: what is wrong with it, as the end of a sentence that begins with the path.
    """

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path} {self.problem}".strip()


@attrs.frozen
class Verification:
    """What was found when every file of a version was read.

    Args:
        tag: name and exact version.
        path: its folder.
        files: how many files were read and compared.
        size_bytes: how many bytes they have.
        faults: what is wrong, sorted by path; empty if nothing is.
        writable: files that are what they should be, and not read-only any more: somebody changed their mode.
    """

    tag: Tag
    path: Path
    files: int
    size_bytes: int
    faults: tuple[Fault, ...] = ()
    writable: tuple[str, ...] = ()


def verify_version(store: Store, tag: Tag | str) -> Verification:
    """Read every file of a version and compare it with its manifest, and that with what the store published.

    Raises:
        NotFound: there is no such version.
        ModelDigestMismatch: something is wrong; names the first ten things that are.
        StoreError: the store cannot be read.
    """
    done = inspect(store, tag)
    if done.faults:
        named = [str(fault) for fault in done.faults[:_MOST_NAMED]]
        rest = len(done.faults) - len(named)
        raise ModelDigestMismatch(
            f"{store.kind.noun} {done.tag} is not as it was stored.",
            why="; ".join([*named, *([f"and {rest} more"] if rest else [])]) + ".",
            do=f"delete this version, and {store.kind.verb} or import it again",
        )
    return done


def inspect(store: Store, tag: Tag | str) -> Verification:
    """Read every file of a version; what is wrong is in the answer. Holds one piece of 1 MiB in memory.

    Links are never followed, and what they stand for is not read.

    Raises:
        NotFound: there is no such version, or it was deleted meanwhile.
        StoreError: the version's folder is a link, or the store cannot be read.
    """
    exact = store.resolve(Tag.from_taglike(tag))
    for tries_left in reversed(range(_TRIES)):
        folder = store.open(exact)
        before = _identity(folder)
        done = _inspect(store, exact, folder)
        # Deleted, or deleted and stored again meanwhile: then the files of two versions were compared.
        if not done.faults or not tries_left or (before is not None and before == _identity(folder)):
            break
    if done.faults:
        store.resolve(exact)
    return done


def _inspect(store: Store, tag: Tag, folder: Path) -> Verification:
    manifest_name = store.kind.manifest_name
    faults: list[Fault] = []
    try:
        store.verify_manifest(tag)
    except ModelDigestMismatch as error:
        faults.append(Fault(manifest_name, f"is damaged, or was changed: {_without_file(error)}"))
    except StoreError as error:
        faults.append(Fault("", f"cannot be compared with what was published: {error.message}"))
    try:
        info = read_info(folder, store.kind)
    except InvalidManifest as error:
        faults.append(Fault(manifest_name, f"cannot be read: {error.why or error.message}"))
        return Verification(tag, folder, 0, 0, tuple(faults))
    if info.tag != tag:
        faults.append(Fault(manifest_name, f"says that it is {info.tag}"))
    found: dict[str, os.stat_result] = {}
    faults += _scan(folder, found)
    found.pop(manifest_name, None)
    size_bytes = sum(status.st_size for status in found.values())
    with tracking(f"verifying {tag}", size_bytes) as advance:
        faults += _compare(folder, info, found, {fault.path for fault in faults}, advance)
    faults.sort(key=lambda fault: fault.path)
    bad = {fault.path for fault in faults}
    writable = sorted(path for path, status in found.items() if path not in bad and _is_writable(status))
    return Verification(tag, folder, len(found), size_bytes, tuple(faults), tuple(writable))


def _is_writable(status: os.stat_result) -> bool:
    return os.name == "posix" and bool(status.st_mode & 0o222)


def _without_file(error: JubakoError) -> str:
    return error.why.rstrip(".")


def _scan(folder: Path, found: dict[str, os.stat_result]) -> Iterator[Fault]:
    """Find all files, and say what is neither file nor folder, or cannot be looked into."""
    pending = [""]
    while pending:
        place = pending.pop()
        try:
            with os.scandir(folder / place) as entries:
                for entry in entries:
                    path = f"{place}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{path}/")
                    elif entry.is_file(follow_symlinks=False):
                        found[path] = entry.stat(follow_symlinks=False)
                    else:
                        yield Fault(path, "is a link or a device")
        except OSError as error:
            yield Fault(place.rstrip("/"), f"cannot be read: {error.strerror}")


def _compare(
    folder: Path,
    info: ModelInfo | BentoInfo,
    found: dict[str, os.stat_result],
    named: Collection[str],
    advance: Advance,
) -> Iterator[Fault]:
    expected = {entry.path: entry for entry in info.files}
    for path in found.keys() - expected.keys():
        yield Fault(path, "does not belong there: the manifest does not list it")
    for path, entry in expected.items():
        if path not in found:
            if not any(str(above) in named for above in (PurePosixPath(path), *PurePosixPath(path).parents)):
                yield Fault(path, "is missing")
        elif found[path].st_size != entry.size_bytes:
            yield Fault(path, f"has {found[path].st_size:,} bytes; the manifest says {entry.size_bytes:,}")
        else:
            yield from _compare_content(folder / path, entry, advance)


def _compare_content(path: Path, entry: FileEntry, advance: Advance) -> Iterator[Fault]:
    digest = hashlib.sha256()
    try:
        # Each time anew, whatever this process has read before: a disk forgets without telling.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(path, flags), "rb", buffering=0) as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
                advance(len(piece))
    except OSError as error:
        yield Fault(entry.path, f"cannot be read: {error.strerror}")
        return
    if digest.hexdigest() != entry.sha256:
        yield Fault(entry.path, f"is damaged, or was changed: its SHA-256 is {digest.hexdigest()}")


def _identity(folder: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = folder.lstat()
        return status.st_dev, status.st_ino
    return None
