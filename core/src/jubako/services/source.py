"""Source modules: finding the file of an import string or a path, without running anything."""

from __future__ import annotations

import difflib
import importlib
import os
import re
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

import attrs

from jubako.errors import ImportServiceError

_LONGEST_QUOTED = 200


@attrs.frozen
class SourceModule:
    """A module that exists as a file.

    Args:
        name: dotted, as it is imported from `root`.
        file: the file itself; of a package its `__init__.py`.
        working_dir: the folder that import strings and the program's own paths start from.
        root: the folder that the module is imported from: the working directory, or one inside it.
    """

    name: str
    file: Path
    working_dir: Path
    root: Path

    @property
    def path(self) -> str:
        """The file's path, relative to the working directory if it is in there, with forward slashes."""
        is_inside = self.file.is_relative_to(self.working_dir)
        return (self.file.relative_to(self.working_dir) if is_inside else self.file).as_posix()

    @property
    def spelling(self) -> str:
        """How the module is written in an import string: its name, or its path if it has no name from here."""
        return self.name if self.is_importable and self.root == self.working_dir else f"./{self.path}"

    @property
    def is_importable(self) -> bool:
        """False if the file's name is no name of a module, such as `my-service.py`."""
        return all(part.isidentifier() for part in self.name.split("."))

    @property
    def search_path(self) -> list[str]:
        """Folders that come first in `sys.path` for the module."""
        return list(dict.fromkeys([str(self.root), str(self.working_dir)]))

    def mentions(self, word: str) -> bool:
        """False if the name cannot be in the module, for its text does not have the word; never runs it."""
        if self.file.suffix != ".py":
            return True
        return re.search(rf"\b{re.escape(word)}\b|import \*", self.file.read_text("utf-8", "replace")) is not None

    def words_near(self, word: str) -> str:
        """The name in the module's text that is nearest to another one; empty if none is."""
        if self.file.suffix != ".py":
            return ""
        words = set(re.findall(r"[^\W\d]\w*", self.file.read_text("utf-8", "replace")))
        return next(iter(difflib.get_close_matches(word, words, n=1)), "")


def find_source_file(path: str, working_dir: Path) -> SourceModule:
    """Find a source file, or a package's folder, inside the working directory.

    As with `python path/to/file.py`, the file's own folder comes first when it imports; if that is a package, the
    folder that the outermost package is in.

    Raises:
        ImportServiceError: there is none, it is no Python file, or it lies elsewhere.
    """
    try:
        return _source_file(path, Path(os.path.normpath(working_dir / Path(path).expanduser())), working_dir)
    except (OSError, RuntimeError) as error:  # too long for a path, not to be read, or no such home folder
        raise ImportServiceError(
            f"{path[:_LONGEST_QUOTED]!r} names no Service.",
            why=f"{error.strerror}." if isinstance(error, OSError) else str(error),
            do="give the path of a .py file, or a folder with bento.yaml",
        ) from error


def _source_file(path: str, file: Path, working_dir: Path) -> SourceModule:
    if not file.is_relative_to(working_dir):
        file = file.resolve()
    if (file / "__init__.py").is_file():
        file = file / "__init__.py"
    if not file.is_file() or file.suffix != ".py":
        why, do = _why_no_source(path, file)
        raise ImportServiceError(f"{path!r} names no Service.", why=why, do=do)
    if not file.is_relative_to(working_dir):
        raise ImportServiceError(
            f"{path!r} is outside of the working directory.",
            why=f"Imports start from {working_dir}.",
            do=f"give the working directory {str(file.parent)!r}",
        )
    root = file.parent
    while root != working_dir and (root / "__init__.py").is_file():
        root = root.parent
    relative = file.relative_to(root)
    named = relative.parent if relative.name == "__init__.py" and relative.parent.parts else relative.with_suffix("")
    return SourceModule(".".join(named.parts), file, working_dir, root)


def _why_no_source(path: str, file: Path) -> tuple[str, str]:
    """Why a path is that of no Python file, and what to write instead."""
    # A colon was left in the path if what stands behind it is no name.
    before, colon, behind = path.rpartition(":")
    if file.is_dir():
        why = f"{file} is a folder, and has neither bento.yaml nor __init__.py."
        has_usual = (file / "service.py").is_file()
        do = f"write {str(Path(path, 'service.py'))!r}" if has_usual else "give the path of a .py file in it"
    elif colon and before.endswith(".py"):
        why, do = f"{behind!r} is no name of a variable.", f"write for example '{before}:svc'"
    elif Path(f"{file}.py").is_file():
        why, do = f"{file} does not exist.", f"write {f'{path}.py'!r}"
    else:
        why = f"{file} {'is no Python file' if file.exists() else 'does not exist'}."
        do = "give the path of a .py file, or a folder with bento.yaml"
    return why, do


def find_module(name: str, working_dir: Path, paths: list[str] | None = None) -> SourceModule | None:
    """Find a module by its dotted name, as `import` would, but without importing the packages that it is in.

    Args:
        name: dotted.
        working_dir: the folder that imports start from.
        paths: where to look; None means wherever Python imports from.

    Returns:
        The module, or None if there is none with a file.
    """
    importlib.invalidate_caches()
    spec: ModuleSpec | None = None
    for part in name.split("."):
        # By its last name: a namespace package in another would look for that one among what was imported.
        spec = _find_spec(part, paths)
        if spec is None:
            return None
        paths = list(spec.submodule_search_locations or ())
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    return SourceModule(name, Path(spec.origin), working_dir, working_dir)


def _find_spec(name: str, paths: list[str] | None) -> ModuleSpec | None:
    if paths is not None:
        return PathFinder.find_spec(name, paths)
    # Every finder, for editable installs bring one of their own.
    found = (finder.find_spec(name, None) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)
