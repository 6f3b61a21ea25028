"""`import_version`: an archive as a new version of a store, or nothing at all.

It is read twice: for its manifest, which stands first where Jubako wrote it, and then file by file into a draft of the
store, each compared with the manifest before the next. What the manifest does not list is refused unread.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import attrs

from jubako._documents import MAX_DOCUMENT_BYTES
from jubako._progress import tracking
from jubako.contracts.store import Store, StoreKind
from jubako.errors import InvalidArchive
from jubako.settings import ArchiveSettings
from jubako.stores.archives.compression import PIECE_BYTES, PlainSource, Unpacked
from jubako.stores.archives.folders import read_folder, write_new
from jubako.stores.archives.formats import ArchiveFormat, format_by_content
from jubako.stores.archives.members import Member, Read, checked_members, damaged, refused, too_much
from jubako.stores.archives.outcomes import Imported, commands_of, holds_same
from jubako.stores.archives.tar import read_tar
from jubako.stores.archives.zip import read_zip
from jubako.stores.failures import store_failure
from jubako.stores.manifests import parse_info
from jubako.values.bento import BentoInfo
from jubako.values.model import ModelInfo
from jubako.values.tag import Tag


def import_version(
    path: Path,
    store: Store,
    *,
    limits: ArchiveSettings,
    archive_format: ArchiveFormat | None = None,
    is_latest: bool = False,
) -> Imported:
    """Store the version in an archive, under the tag that it has there.

    Args:
        path: a file or a folder.
        store: where to.
        limits: on what it may unpack to.
        archive_format: what it must be; None takes what its first bytes say.
        is_latest: make it the latest version of its name although an older one was created later.

    Raises:
        NotFound: there is no such file.
        InvalidArchive: it is damaged, too much, or has a member that no version may have; nothing was stored.
        InvalidManifest: its manifest cannot be read.
        AlreadyExists: the store has another version of that tag.
        StoreError: it cannot be read, or the store not be written.
    """
    place = path.expanduser().absolute()
    with store_failure(f"{place} was not imported"):
        archive = _Archive(place, _checked_format(place, archive_format), limits)
        content, info = _find_manifest(archive, store.kind)
        size_bytes = len(content) + sum(entry.size_bytes for entry in info.files)
        _check_claims(archive, info, size_bytes)
        is_new = not holds_same(store, info.tag, content, do=_how_to_delete(info.tag, store.kind))
        with contextlib.ExitStack() as stack:
            draft = store.draft(info.tag, origin=str(place), is_latest=is_latest) if is_new else None
            folder = None if draft is None else stack.enter_context(draft)
            advance = stack.enter_context(tracking(f"importing {info.tag}", size_bytes))
            _unpack(archive, content, info, store.kind.manifest_name, folder, advance)
    return Imported(info.tag, info.digest, size_bytes, is_new)


def _how_to_delete(tag: Tag, kind: StoreKind) -> str:
    return f"if that one is not needed, delete it first: jubako {commands_of(kind)}delete {tag}"


@attrs.frozen
class _Archive:
    path: Path
    archive_format: ArchiveFormat
    limits: ArchiveSettings

    @contextlib.contextmanager
    def members(self) -> Iterator[Iterator[tuple[Member, Read]]]:
        """Its members, checked."""
        with contextlib.ExitStack() as stack:
            found = stack.enter_context(contextlib.closing(self._open(stack)))
            yield checked_members(self.path, found, self.limits)

    def _open(self, stack: contextlib.ExitStack) -> Generator[tuple[Member, Read], None, None]:
        if self.archive_format is ArchiveFormat.FOLDER:
            return read_folder(self.path)
        file = stack.enter_context(self.path.open("rb"))
        if self.archive_format is ArchiveFormat.ZIP:
            return read_zip(file, self.path, self.limits.max_members, self.limits.max_ratio)
        if self.archive_format is ArchiveFormat.TAR:
            return read_tar(PlainSource(file, self.path), self.path)
        return read_tar(Unpacked(file, self.archive_format, self.path, self.limits.max_ratio), self.path)


def _checked_format(path: Path, asked: ArchiveFormat | None) -> ArchiveFormat:
    found = format_by_content(path)
    wanted = ArchiveFormat.GZ if asked is ArchiveFormat.NATIVE else asked
    if asked is not None and wanted is not found:
        raise InvalidArchive(
            f"{path} is not in the format that was asked for.",
            why=f"It was to be {asked.value}, and begins as {found.value}.",
            do="leave the format out: it is found by what the file holds",
        )
    return found


def _find_manifest(archive: _Archive, kind: StoreKind) -> tuple[bytes, ModelInfo | BentoInfo]:
    other = next(each for each in StoreKind if each is not kind)
    is_other = False
    with archive.members() as members:
        for member, read in members:
            if member.name == kind.manifest_name and not member.is_folder:
                where = f"{archive.path}: {kind.manifest_name}"
                content = _read_manifest(archive, member, read)
                return content, parse_info(content, where, kind)
            is_other = is_other or member.name == other.manifest_name
    if is_other:
        what = f"{archive.path} holds a {other.noun}, not a {kind.noun}."
        raise InvalidArchive(what, do=f"jubako {commands_of(other)}import {archive.path}")
    raise InvalidArchive(
        f"{archive.path} holds no {kind.noun}.",
        why=f"It has no {kind.manifest_name} at its top.",
        do=f"give an archive that `jubako {commands_of(kind)}export` has written",
    )


def _read_manifest(archive: _Archive, member: Member, read: Read) -> bytes:
    if member.size_bytes > MAX_DOCUMENT_BYTES:
        raise refused(
            archive.path,
            member.name,
            f"is too large: {member.size_bytes:,} bytes",
            why=f"At most {MAX_DOCUMENT_BYTES:,} are read.",
        )
    return b"".join(_exactly(archive, member, read))


def _check_claims(archive: _Archive, info: ModelInfo | BentoInfo, size_bytes: int) -> None:
    """Refuse by what its manifest lists what would be refused later, before anything is written."""
    limits = archive.limits
    if len(info.files) > limits.max_members:
        raise too_much(
            archive.path, "max_members", f"it lists {len(info.files):,} files, more than {limits.max_members:,}"
        )
    if size_bytes > limits.max_bytes:
        raise too_much(archive.path, "max_bytes", f"it lists {size_bytes:,} bytes, more than {limits.max_bytes:,}")


def _unpack(
    archive: _Archive,
    manifest: bytes,
    info: ModelInfo | BentoInfo,
    manifest_name: str,
    folder: Path | None,
    advance: Callable[[int], None],
) -> None:
    """Write every file below a folder, or, without one, only check them."""
    expected = {entry.path: (entry.size_bytes, entry.sha256) for entry in info.files}
    expected[manifest_name] = (len(manifest), hashlib.sha256(manifest).hexdigest())
    with archive.members() as members:
        for member, read in members:
            if member.is_folder:  # made when something is in it: a version is its files
                continue
            listed = expected.pop(member.name, None)
            if listed is None:
                raise refused(archive.path, member.name, f"is not listed in {manifest_name}")
            if member.size_bytes != listed[0]:
                raise refused(
                    archive.path,
                    member.name,
                    f"has {member.size_bytes:,} bytes",
                    why=f"{manifest_name} says {listed[0]:,}.",
                )
            pieces = _verified(archive, member, read, listed[1], manifest_name, advance)
            if folder is not None:
                write_new(folder, member, pieces)
            else:
                for _ in pieces:
                    pass
    for name in sorted(expected):
        raise damaged(archive.path, f"Its {manifest_name} lists {name!r}, which is not there")


def _verified(
    archive: _Archive, member: Member, read: Read, sha256: str, manifest_name: str, advance: Callable[[int], None]
) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for data in _exactly(archive, member, read):
        digest.update(data)
        yield data
        advance(len(data))
    if digest.hexdigest() != sha256:
        raise refused(
            archive.path,
            member.name,
            "is damaged, or was changed",
            why=f"Its SHA-256 is {digest.hexdigest()}; {manifest_name} says {sha256}.",
        )


def _exactly(archive: _Archive, member: Member, read: Read) -> Iterator[bytes]:
    left = member.size_bytes
    while left:
        data = read(min(left, PIECE_BYTES))
        if not data:
            raise refused(archive.path, member.name, "is cut short", why="The archive ends within it.")
        left -= len(data)
        yield data
