"""`export_version`: a stored version as an archive; every byte of it is compared with the manifest on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

import attrs

from jubako._progress import tracking
from jubako.errors import InvalidArchive, InvalidArgument
from jubako.stores.archives.beside import new_file, new_folder, refuse_taken
from jubako.stores.archives.compression import Compressed, Plain
from jubako.stores.archives.folders import FolderWriter
from jubako.stores.archives.formats import ArchiveFormat, destination
from jubako.stores.archives.members import Member, Members
from jubako.stores.archives.tar import TarWriter
from jubako.stores.archives.zip import ZipWriter
from jubako.stores.failures import store_failure
from jubako.stores.stored import StoredVersion
from jubako.values.manifest import FileEntry
from jubako.values.tag import Tag


class Writer(Protocol):
    """What members are written to, whatever the format."""

    def add(self, member: Member, pieces: Iterator[bytes]) -> None:
        """Write a file."""

    def close(self) -> None:
        """End the archive."""


@attrs.frozen
class Exported:
    """What was written.

    Args:
        tag: exact.
        digest: of the version.
        place: the path of the archive or folder, or the URL of the store that it was copied to.
        archive_format: how it is wrapped; None in a store.
        size_bytes: of the archive; of a folder, of all its files.
    """

    tag: Tag
    digest: str
    place: str
    archive_format: ArchiveFormat | None
    size_bytes: int


def export_version(
    version: StoredVersion, path: str, *, archive_format: ArchiveFormat | None = None, is_overwriting: bool = False
) -> Exported:
    """Write a version as an archive; equal versions give equal bytes, as far as the compressor is the same.

    Args:
        version: what is written.
        path: see `formats.destination`.
        archive_format: see `formats.destination`.
        is_overwriting: whether a file, or an exported folder, that is there may be replaced.

    Raises:
        AlreadyExists: something is there.
        InvalidArgument: the folder to write in does not exist, or a file has a name that no archive may have.
        ModelDigestMismatch: a file is not what its manifest says.
        NotFound: the version was deleted meanwhile.
        StoreError: it cannot be read or written.
    """
    tag, kind = version.info.tag, version.kind
    place, chosen = destination(path, tag, kind, archive_format)
    is_folder = chosen is ArchiveFormat.FOLDER
    refuse_taken(place, kind.manifest_name, is_folder=is_folder, is_overwriting=is_overwriting)
    _check_names(version)
    with store_failure(f"{kind.noun} {tag} was not exported to {place}"):
        members = [(version.member(entry), entry) for entry in sorted(version.info.files, key=lambda entry: entry.path)]
        with contextlib.ExitStack() as stack:
            advance = stack.enter_context(tracking(f"exporting {tag}", version.size_bytes))
            if is_folder:
                folder = stack.enter_context(new_folder(place, is_overwriting=is_overwriting))
                _write(version, members, FolderWriter(folder), advance)
            else:
                file = stack.enter_context(new_file(place, is_overwriting=is_overwriting))
                _write(version, members, _writer(file, chosen), advance)
        size_bytes = version.size_bytes if is_folder else place.stat().st_size
    return Exported(tag, version.info.digest, str(place), chosen, size_bytes)


def _writer(file: BinaryIO, archive_format: ArchiveFormat) -> Writer:
    if archive_format is ArchiveFormat.ZIP:
        return ZipWriter(file)
    return TarWriter(Plain(file) if archive_format is ArchiveFormat.TAR else Compressed(file, archive_format))


def _check_names(version: StoredVersion) -> None:
    what = f"{version.kind.noun} {version.info.tag}"
    names = Members(what, limits=None)
    try:
        for name in (version.kind.manifest_name, *(entry.path for entry in version.info.files)):
            names.add(Member(name, 0))
    except InvalidArchive as error:
        raise InvalidArgument(
            f"{what} cannot be exported: {error.message}", why=error.why, do="rename the file, and make a new version"
        ) from error


def _write(
    version: StoredVersion,
    members: list[tuple[Member, FileEntry]],
    writer: Writer,
    advance: Callable[[int], None],
) -> None:
    # First, so that a reader knows what it is before it unpacks anything.
    writer.add(Member(version.kind.manifest_name, len(version.manifest)), iter([version.manifest]))
    advance(len(version.manifest))
    for member, entry in members:
        writer.add(member, version.pieces(entry, advance))
    writer.close()
