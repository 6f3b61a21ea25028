"""Copying versions from one store to another, whatever each of them is, with every byte checked on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from jubako._progress import tracking
from jubako.contracts.store import Store, StoreKind
from jubako.errors import AlreadyExists, InvalidArgument
from jubako.stores.archives.exporting import Exported, export_version
from jubako.stores.archives.folders import write_new
from jubako.stores.archives.formats import format_by_name
from jubako.stores.archives.members import Member
from jubako.stores.archives.outcomes import Imported, commands_of, holds_same
from jubako.stores.failures import store_failure
from jubako.stores.stored import StoredVersion

_ARCHIVE_SUFFIXES = (".bento", ".jubako-model", ".tar", ".gz", ".tgz", ".xz", ".txz", ".bz2", ".tbz2", ".zip")


def copy_version(
    version: StoredVersion, target: Store, *, origin: str, is_forced: bool = False, is_latest: bool = False
) -> Imported:
    """Copy a version into a store; nothing is done if the very version is there already.

    Args:
        version: what is copied.
        target: where to; of the same kind.
        origin: where it comes from, for `Store.origin`.
        is_forced: True puts it in the place of another version of that tag, which stays until all of the new one is
            there and checked.
        is_latest: True makes it the latest version of its name although an older one was created later.

    Raises:
        AlreadyExists: the store has another version of that tag.
        ModelDigestMismatch: a file is not what its manifest says; nothing was copied.
        StoreError: something cannot be read or written.
    """
    tag = version.info.tag
    with store_failure(f"{version.kind.noun} {tag} was not copied to {target.url}"):
        is_replacing = False
        try:
            do = "delete that one first, or put this one in its place with --force (in Python force=True)"
            is_there = holds_same(target, tag, version.manifest, do=do)
        except AlreadyExists:
            if not is_forced:
                raise
            is_there, is_replacing = False, True
        if not is_there:
            _copy(version, target, origin, is_latest=is_latest, is_replacing=is_replacing)
    return Imported(tag, version.info.digest, version.size_bytes, is_new=not is_there)


def export_anywhere(
    version: StoredVersion,
    path: str,
    *,
    format_name: str | None,
    is_overwriting: bool,
    origin: str,
    open_other: Callable[[str], Store],
) -> Exported:
    """Write a version to a path, or copy it to the store at a URL.

    Args:
        version: what is exported.
        path: a path, see `formats.destination`; or the URL of a store.
        format_name: see `format_by_name`.
        is_overwriting: see `export_version`.
        origin: where the version is, for the store that it is copied to.
        open_other: opens the store at a URL.

    Raises:
        InvalidArgument: a URL and a format are given, or a URL that looks like a file's.
        JubakoError: see `export_version` and `copy_version`.
    """
    chosen = format_by_name(format_name)
    if "://" not in path:
        return export_version(version, path, archive_format=chosen, is_overwriting=is_overwriting)
    if chosen is not None or path.lower().endswith(_ARCHIVE_SUFFIXES):
        raise InvalidArgument(
            f"{path!r} is the URL of no file.",
            why="What has a URL is a store, and in a store a version is kept as it is, in no format.",
            do="give the path of the file, or the URL of a store and no format",
        )
    target = open_other(path)
    copied = copy_version(version, target, origin=origin, is_forced=is_overwriting)
    return Exported(copied.tag, copied.digest, target.url, None, copied.size_bytes)


def refuse_urls(path: str, kind: StoreKind) -> None:
    """Check that what is to be imported is a path.

    Raises:
        InvalidArgument: it is a URL.
    """
    if "://" in path:
        raise InvalidArgument(
            f"{path!r} is no path of an archive.",
            do=f"to copy a {kind.noun} out of a store: jubako {commands_of(kind)}pull TAG URL",
        )


def _copy(version: StoredVersion, target: Store, origin: str, *, is_latest: bool, is_replacing: bool) -> None:
    tag = version.info.tag
    with contextlib.ExitStack() as stack:
        draft = target.draft(tag, origin=origin, is_latest=is_latest, is_replacing=is_replacing)
        folder = stack.enter_context(draft)
        advance = stack.enter_context(tracking(f"copying {tag}", version.size_bytes))
        write_new(folder, Member(version.kind.manifest_name, len(version.manifest)), [version.manifest])
        advance(len(version.manifest))
        for entry in version.info.files:
            write_new(folder, version.member(entry), version.pieces(entry, advance))
