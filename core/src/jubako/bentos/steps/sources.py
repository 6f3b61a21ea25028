"""The sources step: the user's files, to `src/`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from jubako.bentos.confined import list_below, open_below, resolve_link, shown
from jubako.bentos.ignoring import IGNORE_FILE_NAME, PackingRules
from jubako.bentos.secrets import SecretScan
from jubako.contracts.build_step import BuildDraft
from jubako.errors import BuildError
from jubako.stores.places import path_of_url
from jubako.workspace import current_workspace

_PIECE_BYTES = 1024 * 1024
_MAX_IGNORE_FILE_BYTES = 1024 * 1024
# Room for a home before it, below the 4,096 bytes that Linux takes.
_LONGEST_PATH_BYTES = 2_000
# Python's own functions for trees, which remove versions for instance, call themselves once for each.
_DEEPEST = 200


def copy_sources(draft: BuildDraft) -> None:
    """Copy what the options include from the context to `src/`.

    Links are stored as the files that they lead to, inside the context; no link is followed out of it. Environments
    (folders with `pyvenv.cfg`) and the stores themselves are passed over. Executable files stay executable.

    Raises:
        BuildError: a link cannot be stored, something that is included is no file, a name cannot be stored everywhere,
            a file seems to hold a private key or credentials, or nothing is included.
    """
    rules = PackingRules(draft.options["include"], draft.options["exclude"])
    is_empty = True
    for path in _iterate_packed(draft.context, rules, _store_folders()):
        is_empty = False
        _copy(draft.context, path, draft.folder / "src" / path, rules)
    if is_empty:
        raise BuildError(
            f"no file of {draft.context} would be packed.",
            why=f"Included is {', '.join(draft.options['include'])}.",
            do="correct include and exclude, or give another build context",
        )


def _iterate_packed(context: Path, rules: PackingRules, passed_over: frozenset[Path]) -> Iterator[str]:
    """Paths of files to pack, in the order of a walk that goes by name; links are given, and not followed."""
    pending = [_entries(context, "", rules)]
    while pending:
        path, is_folder = next(pending[-1], ("", False))
        if not path:
            pending.pop()
        elif not is_folder:
            if rules.packs(path):
                yield _checked_name(path)
        elif not (
            rules.excludes_folder(path) or context / path in passed_over or (context / path / "pyvenv.cfg").is_file()
        ):
            pending.append(_entries(context, _checked_length(path), rules))


def _entries(context: Path, folder: str, rules: PackingRules) -> Iterator[tuple[str, bool]]:
    """Paths in a folder, and whether they are folders; its `.bentoignore` holds from here on."""
    entries = list_below(context, folder)
    start = f"{folder}/" if folder else ""
    if any(name == IGNORE_FILE_NAME for name, _ in entries):
        with open_below(context, f"{start}{IGNORE_FILE_NAME}") as file:
            text = file.read(_MAX_IGNORE_FILE_BYTES + 1)
        if len(text) > _MAX_IGNORE_FILE_BYTES:
            raise BuildError(
                f"{shown(start + IGNORE_FILE_NAME)} of the build context cannot be used.",
                why=f"It has more than {_MAX_IGNORE_FILE_BYTES:,} bytes.",
                do="write patterns for whole folders and endings into it",
            )
        rules.add_ignore_file(folder, text.decode("utf-8", "replace"))
    return ((f"{start}{name}", is_folder) for name, is_folder in entries)


def _copy(context: Path, path: str, place: Path, rules: PackingRules) -> None:
    source = path
    if (context / path).is_symlink():
        source = resolve_link(context, path)
        if rules.excludes_file(source):
            raise BuildError(
                f"the link {shown(path)} of the build context leads to {shown(source)}, which is excluded.",
                do="exclude it too",
            )
    place.parent.mkdir(parents=True, exist_ok=True)
    is_checked = not rules.takes_back(path)
    scan = SecretScan()
    with open_below(context, source) as file, place.open("xb") as copy:
        while piece := file.read(_PIECE_BYTES):
            found = scan.look(piece) if is_checked else ""
            if found:
                raise _secret(path, found)
            copy.write(piece)
        is_executable = os.fstat(file.fileno()).st_mode & stat.S_IXUSR
    place.chmod(0o755 if is_executable else 0o644)


def _secret(path: str, found: str) -> BuildError:
    return BuildError(
        f"{shown(path)} of the build context is not packed: it seems to hold {found}.",
        why="Whoever gets the Bento could read it.",
        do=f"take it out, or exclude the file; if it is no secret, exclude '!{path}', which packs it as it is",
    )


def _checked_length(path: str) -> str:
    if len(os.fsencode(path)) > _LONGEST_PATH_BYTES or path.count("/") > _DEEPEST:
        raise BuildError(
            f"{shown(path)} of the build context cannot be packed.",
            why=f"Its path has more than {_LONGEST_PATH_BYTES:,} bytes or {_DEEPEST} folders, "
            "and could not be stored everywhere.",
            do="move it further up, or exclude the folder that it is in",
        )
    return path


def _checked_name(path: str) -> str:
    _checked_length(path)
    if "\\" in path or any(ord(letter) < 32 or ord(letter) == 127 or "\ud800" <= letter <= "\udfff" for letter in path):
        raise BuildError(
            f"the file name {shown(path)} cannot be packed.",
            why="It has a backslash, a control character, or bytes that are no UTF-8.",
            do="rename it, or exclude it",
        )
    return path


def _store_folders() -> frozenset[Path]:
    """Folders of local stores: packing a store into what is being written to it would never end."""
    workspace = current_workspace()
    urls = [store.url for store in (workspace.model_store, workspace.bento_store)]
    return frozenset(path_of_url(url).resolve() for url in urls if urlsplit(url).scheme == "file")
