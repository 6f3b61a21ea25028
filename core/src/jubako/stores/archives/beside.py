"""Files and folders that appear at their place whole or not at all, whatever ends the process meanwhile."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from jubako.errors import AlreadyExists, InvalidArgument
from jubako.stores.drafts import remove_tree
from jubako.stores.durability import sync_folder


def refuse_taken(place: Path, manifest_name: str, *, is_folder: bool, is_overwriting: bool) -> None:
    """Check, before anything is done, that something may be written to a place.

    Args:
        place: where.
        manifest_name: the file that a folder must have to be written over.
        is_folder: whether a folder is to be written.
        is_overwriting: whether what is there may go.

    Raises:
        AlreadyExists: something is there.
        InvalidArgument: it is something else than what may be written over.
    """
    if not os.path.lexists(place):
        return
    if not is_overwriting:
        raise _taken(place)
    is_version = is_folder and place.is_dir() and (place / manifest_name).is_file()
    if place.is_dir() if not is_folder else not is_version:
        raise InvalidArgument(
            f"{place} is not written over.",
            why=f"It is no exported folder: it has no {manifest_name}." if is_folder else "It is a folder.",
            do="give another path",
        )


@contextlib.contextmanager
def new_file(place: Path, *, is_overwriting: bool) -> Iterator[BinaryIO]:
    """Give a file to write, which is at `place`, on the disk, when the block has ended without an error.

    Raises:
        AlreadyExists: something is there, and may not be written over.
        OSError: it cannot be written.
    """
    file, aside = _open_aside(place)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if aside is None:
                aside = _link_unnamed(file, place, is_overwriting=is_overwriting)
            elif not is_overwriting:
                _link_named(aside, place)
            if is_overwriting and aside is not None:
                aside.replace(place)
        sync_folder(place.parent)
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(place: Path, *, is_overwriting: bool) -> Iterator[Path]:
    """Give an empty folder to write into, which is at `place` when the block has ended without an error.

    What is written over is removed only then; if its place is taken meanwhile, it stays beside that.

    Raises:
        AlreadyExists: something is there, and may not be written over.
        OSError: it cannot be written.
    """
    aside, before = _aside(place, "part"), _aside(place, "old")
    aside.mkdir()
    try:
        yield aside
        for inner, _, _ in os.walk(aside, topdown=False):
            sync_folder(Path(inner))
        if os.path.lexists(place):
            if not is_overwriting:
                raise _taken(place)
            place.rename(before)
        try:
            aside.rename(place)
        except BaseException:
            with contextlib.suppress(OSError):  # there was none, or somebody else has put something there
                before.rename(place)
            raise
        sync_folder(place.parent)
        remove_tree(before)
    finally:
        remove_tree(aside)


def _open_aside(place: Path) -> tuple[BinaryIO, Path | None]:
    """A new file beside `place`: one without a name, which goes with the process, where the system has such files."""
    flags = getattr(os, "O_TMPFILE", 0)
    if flags and Path("/proc/self/fd").is_dir():
        with contextlib.suppress(OSError):  # this file system has none
            return os.fdopen(os.open(place.parent, flags | os.O_RDWR, 0o666), "w+b"), None
    aside = _aside(place, "part")
    return aside.open("x+b"), aside


def _link_unnamed(file: BinaryIO, place: Path, *, is_overwriting: bool) -> Path | None:
    """Give a file without a name its place; or one beside it, which is returned, to be renamed over what is there."""
    named = _aside(place, "part") if is_overwriting else place
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        # With a folder's descriptor Python lets the system follow the link below /proc: open(2), O_TMPFILE.
        os.link(f"/proc/self/fd/{file.fileno()}", named.name, dst_dir_fd=folder)
    except FileExistsError as error:
        raise _taken(place) from error
    finally:
        os.close(folder)
    return named if is_overwriting else None


def _link_named(aside: Path, place: Path) -> None:
    try:
        place.hardlink_to(aside)
    except FileExistsError as error:
        raise _taken(place) from error
    except OSError:  # this file system has no hard links
        if os.path.lexists(place):
            raise _taken(place) from None
        aside.rename(place)


def _aside(place: Path, suffix: str) -> Path:
    return place.with_name(f".{place.name[:200]}.{secrets.token_hex(6)}.{suffix}")


def _taken(place: Path) -> AlreadyExists:
    return AlreadyExists(
        f"{place} is there already.",
        why="Nothing is written over unless that is asked for.",
        do="give another path, or --force (overwrite=True)",
    )
