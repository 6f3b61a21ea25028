"""The sources step: the user's files, to `src/`."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from jubako.bentos.confined import open_below, resolve_link
from jubako.bentos.ignoring import IGNORE_FILE_NAME, PackingRules
from jubako.bentos.secrets import MAX_SCANNED_BYTES, find_secret
from jubako.contracts.build_step import BuildDraft
from jubako.errors import BuildError
from jubako.stores.places import path_of_url
from jubako.workspace import current_workspace


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
    for path in _iterate_packed(draft.context, "", rules, _store_folders()):
        is_empty = False
        _copy(draft.context, path, draft.folder / "src" / path, rules)
    if is_empty:
        raise BuildError(
            f"no file of {draft.context} would be packed.",
            why=f"Included is {', '.join(draft.options['include'])}.",
            do="correct include and exclude, or give another build context",
        )


def _iterate_packed(context: Path, folder: str, rules: PackingRules, passed_over: frozenset[Path]) -> Iterator[str]:
    """Paths of files to pack, sorted; links are given, and not followed."""
    entries = sorted(os.scandir(context / folder), key=lambda entry: entry.name)
    if any(entry.name == IGNORE_FILE_NAME for entry in entries):
        with open_below(context, f"{folder}{IGNORE_FILE_NAME}") as file:
            rules.add_ignore_file(folder.rstrip("/"), file.read().decode("utf-8", "replace"))
    for entry in entries:
        path = f"{folder}{entry.name}"
        if not entry.is_dir(follow_symlinks=False):
            if rules.packs(path):
                yield _checked_name(path)
        elif not (
            rules.excludes_folder(path)
            or Path(entry.path) in passed_over
            or (Path(entry.path) / "pyvenv.cfg").is_file()
        ):
            yield from _iterate_packed(context, f"{path}/", rules, passed_over)


def _copy(context: Path, path: str, place: Path, rules: PackingRules) -> None:
    source = path
    if (context / path).is_symlink():
        source = resolve_link(context, path)
        if rules.excludes_file(source):
            raise BuildError(
                f"the link {path!r} of the build context leads to {source!r}, which is excluded.", do="exclude it too"
            )
    place.parent.mkdir(parents=True, exist_ok=True)
    with open_below(context, source) as file, place.open("xb") as copy:
        start = file.read(MAX_SCANNED_BYTES + 1)
        if len(start) <= MAX_SCANNED_BYTES and not rules.takes_back(path):
            _refuse_secret(path, start)
        copy.write(start)
        shutil.copyfileobj(file, copy)
        is_executable = os.fstat(file.fileno()).st_mode & stat.S_IXUSR
    place.chmod(0o755 if is_executable else 0o644)


def _refuse_secret(path: str, content: bytes) -> None:
    found = find_secret(content)
    if found:
        raise BuildError(
            f"{path!r} of the build context is not packed: it seems to hold {found}.",
            why="Whoever gets the Bento could read it.",
            do=f"take it out, or exclude the file; if it is no secret, exclude '!{path}', which packs it as it is",
        )


def _checked_name(path: str) -> str:
    if "\\" in path or any(ord(letter) < 32 or "\ud800" <= letter <= "\udfff" for letter in path):
        raise BuildError(
            f"the file name {path!r} cannot be packed.",
            why="It has a backslash, a control character, or bytes that are no UTF-8.",
            do="rename it, or exclude it",
        )
    return path


def _store_folders() -> frozenset[Path]:
    """Folders of local stores: packing a store into what is being written to it would never end."""
    workspace = current_workspace()
    urls = [store.url for store in (workspace.model_store, workspace.bento_store)]
    return frozenset(path_of_url(url).resolve() for url in urls if urlsplit(url).scheme == "file")
