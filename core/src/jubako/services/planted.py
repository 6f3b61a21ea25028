"""Finding what was put into a Bento's folder beside what was built: code that an import would take, and models."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from importlib.machinery import all_suffixes
from pathlib import Path

from jubako.contracts.store import StoreKind
from jubako.errors import ModelDigestMismatch

_IMPORTABLE = tuple(all_suffixes())
_MANIFEST = StoreKind.MODELS.manifest_name


def refuse_planted(folder: Path, listed: Collection[str]) -> None:
    """Check that nothing in a Bento's `src` can be imported, and that no model is in it, but what its manifest lists.

    What else a service has written beside its sources is left alone. Reads names, and no file.

    Args:
        folder: of the Bento.
        listed: the paths that its manifest lists.

    Raises:
        ModelDigestMismatch: names the first module, link or model that is not listed.
    """
    listed = frozenset(listed)
    for entry, path in _entries(folder, "src"):
        # A folder without modules in it holds no code; a link to one may.
        if (entry.is_symlink() or path.endswith(_IMPORTABLE)) and path not in listed and not _is_folder(entry):
            raise _planted(folder, path)
    for entry, path in _entries(folder, StoreKind.MODELS.value):
        if entry.is_symlink() or (entry.name == _MANIFEST and path not in listed):
            raise _planted(folder, path)


def _entries(folder: Path, top: str) -> Iterator[tuple[os.DirEntry[str], str]]:
    """What is below a folder, with its path from `folder`; follows no link."""
    pending = [top]
    while pending:
        place = pending.pop()
        try:
            with os.scandir(folder / place) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except FileNotFoundError:  # a Bento without models
            continue
        except OSError as error:
            raise ModelDigestMismatch(f"{folder / place} cannot be read.", why=f"{error.strerror}.") from error
        for entry in entries:
            path = f"{place}/{entry.name}"
            yield entry, path
            if _is_folder(entry):
                pending.append(path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _planted(folder: Path, path: str) -> ModelDigestMismatch:
    return ModelDigestMismatch(
        f"{folder / path} does not belong there.",
        why="The Bento's manifest does not list it, and it could run in the place of what was built.",
        do="find out who put it there, and remove it; or delete this Bento, and build or import it again",
    )
