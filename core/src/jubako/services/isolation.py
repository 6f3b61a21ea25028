"""Leaving a program as it was after user code was imported: `sys.path`, `sys.modules`, and the working directory."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from jubako.services.source import SourceModule


class Isolation:
    """The modules that one source has to itself, in a program that goes on afterwards.

    Args:
        module: the source.
        writes_bytecode: False if nothing may be written beside the sources.
    """

    def __init__(self, module: SourceModule, *, writes_bytecode: bool) -> None:
        self._module = module
        self._writes_bytecode = writes_bytecode
        self._modules: dict[str, ModuleType] = {}

    @contextlib.contextmanager
    def entered(self, *, changes_cwd: bool = False) -> Iterator[None]:
        """Import from the source's folders first inside the block, and put everything back at its end.

        What was imported in an earlier block is there again. One block at a time in a process: others wait.

        Args:
            changes_cwd: True makes the working directory the process's inside the block.
        """
        module = self._module
        with _IMPORT_LOCK:
            path, cwd, dont_write = list(sys.path), Path.cwd() if changes_cwd else None, sys.dont_write_bytecode
            hidden = _hide_namesakes(module, self._modules)
            before = set(sys.modules)
            sys.modules.update(self._modules)
            try:
                if cwd is not None:
                    os.chdir(module.working_dir)
                sys.path[:0] = module.search_path
                sys.dont_write_bytecode = dont_write or not self._writes_bytecode
                importlib.invalidate_caches()
                yield
            finally:
                if cwd is not None:
                    os.chdir(cwd)
                sys.path[:] = path
                sys.dont_write_bytecode = dont_write
                for name in _owned(set(sys.modules) - before, module.search_path) | {module.name}:
                    if name in sys.modules:
                        self._modules[name] = sys.modules.pop(name)
                sys.modules.update(hidden)


# One at a time: sys.path and sys.modules belong to the whole process. Reentrant, for a service may load another.
_IMPORT_LOCK = threading.RLock()


def _hide_namesakes(module: SourceModule, own: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
    """Take modules out of `sys.modules` that would stand for others of the same name in the module's folders."""
    folders = module.search_path
    names = {entry.name.partition(".")[0] for folder in folders for entry in Path(folder).iterdir()}
    tops = (names & sys.modules.keys()) - sys.stdlib_module_names
    foreign = {top for top in tops if not _owned({top}, folders) and _is_found_in(top, folders, [*folders, *sys.path])}
    hidden = {
        name: imported
        for name, imported in sys.modules.items()
        if name == module.name or name in own or name.partition(".")[0] in foreign
    }
    for name in hidden:
        del sys.modules[name]
    return hidden


def _owned(names: Iterable[str], folders: list[str]) -> set[str]:
    """Those of the imported modules that came from `folders`, and not from an environment that is inside them."""
    names = set(names)
    own = set()
    for top in {name.partition(".")[0] for name in names}:
        spec = PathFinder.find_spec(top, folders)
        # Looked up in the dictionary: a lazy module may import something to answer getattr.
        imported = getattr(sys.modules.get(top), "__dict__", {})
        if spec is not None and (
            imported.get("__file__") == spec.origin
            if spec.has_location
            else set(spec.submodule_search_locations or ()) & set(imported.get("__path__") or ())
        ):
            own.add(top)
    return {name for name in names if name.partition(".")[0] in own}


def _is_found_in(top: str, folders: list[str], search_path: list[str]) -> bool:
    # A folder without __init__.py loses to an installed package of its name, wherever that stands in the path.
    spec = PathFinder.find_spec(top, search_path)
    if spec is None:
        return False
    places = [spec.origin or ""] if spec.has_location else list(spec.submodule_search_locations or ())
    return any(
        Path(place).parent in map(Path, folders) or Path(place).parent.parent in map(Path, folders) for place in places
    )
