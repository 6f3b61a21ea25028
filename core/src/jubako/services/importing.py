"""Importing the module that defines a Service: finding it, running it, and picking the Service out of it.

`import_for_good` is for a process that serves one Service. `import_isolated` is for any other program: it leaves
`sys.path`, the working directory and `sys.modules` as they were.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import re
import sys
import threading
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

import attrs

from jubako.errors import ImportServiceError, JubakoError
from jubako.services.service import Service


@attrs.frozen
class SourceModule:
    """A module that exists as a file.

    Args:
        name: dotted, as it is imported from `working_dir`; where a folder's name is no identifier, the relative path.
        file: the file itself; of a package its `__init__.py`.
        working_dir: the folder that imports start from.
    """

    name: str
    file: Path
    working_dir: Path

    @property
    def path(self) -> str:
        """The file's path, relative to the working directory if it is in there, with forward slashes."""
        is_inside = self.file.is_relative_to(self.working_dir)
        return (self.file.relative_to(self.working_dir) if is_inside else self.file).as_posix()

    @property
    def is_importable(self) -> bool:
        """False if `name` is a path."""
        return all(part.isidentifier() for part in self.name.split("."))

    def mentions(self, word: str) -> bool:
        """False if the name cannot be in the module, for its text does not have the word; never runs it."""
        if self.file.suffix != ".py":
            return True
        return re.search(rf"\b{re.escape(word)}\b|import \*", self.file.read_text("utf-8", "replace")) is not None


def find_source_file(path: str, working_dir: Path) -> SourceModule:
    """Find a source file, or a package's folder, inside the working directory.

    Raises:
        ImportServiceError: there is none, it is no Python file, or it lies elsewhere.
    """
    file = Path(os.path.normpath(working_dir / Path(path).expanduser()))
    if not file.is_relative_to(working_dir):
        file = file.resolve()
    if (file / "__init__.py").is_file():
        file = file / "__init__.py"
    if not file.is_file() or file.suffix != ".py":
        near = file.with_name(file.name + ".py")
        fix = (
            f"write {path + '.py'!r}" if near.is_file() else "give the path of a .py file, or a folder with bento.yaml"
        )
        what = "is no Python file" if file.exists() else "does not exist"
        raise ImportServiceError(f"{path!r} names no Service.", why=f"{file} {what}.", do=fix)
    if not file.is_relative_to(working_dir):
        raise ImportServiceError(
            f"{path!r} is outside of the working directory.",
            why=f"Imports start from {working_dir}.",
            do=f"give the working directory {str(file.parent)!r}",
        )
    relative = file.relative_to(working_dir)
    parts = relative.parent.parts if relative.name == "__init__.py" else relative.with_suffix("").parts
    is_dotted = bool(parts) and all(part.isidentifier() for part in parts)
    return SourceModule(".".join(parts) if is_dotted else f"./{relative.as_posix()}", file, working_dir)


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
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        spec = _find_spec(".".join(parts[:length]), paths)
        if spec is None:
            return None
        paths = list(spec.submodule_search_locations or ())
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    return SourceModule(name, Path(spec.origin), working_dir)


def import_for_good(module: SourceModule, *, writes_bytecode: bool = True) -> ModuleType:
    """Import a module so that its working directory is the process's, and the first entry of `sys.path`, from now on.

    Args:
        module: what to import.
        writes_bytecode: False if nothing may be written beside the sources.

    Raises:
        ImportServiceError: the module raises, or its name is taken by another module.
        JubakoError: one that the module raises, with a note.
    """
    os.chdir(module.working_dir)
    if sys.path[:1] != [str(module.working_dir)]:
        sys.path.insert(0, str(module.working_dir))
    if not writes_bytecode:
        sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    with _explaining(module):
        if not module.is_importable:
            return _execute(module, _plain_name(module))
        imported = importlib.import_module(module.name)
    file = getattr(imported, "__file__", None)
    if file is None or not module.file.samefile(file):
        raise ImportServiceError(
            f"{module.file} cannot be imported as {module.name!r}.",
            why=f"That name belongs to {file or 'a module of Python itself'}.",
            do="rename the file",
        )
    return imported


def import_isolated(module: SourceModule, *, changes_cwd: bool = False, writes_bytecode: bool = True) -> ModuleType:
    """Run a module afresh, and leave the program as it was.

    Modules of the working directory that it imports are its own: they are not seen afterwards by other code, nor does
    it see modules of the same name that were imported before from elsewhere. The module itself stays in `sys.modules`
    under a private name, so that its objects can be pickled. One import at a time in a process.

    Args:
        module: what to import.
        changes_cwd: True makes the working directory the process's while the module runs.
        writes_bytecode: False if nothing may be written beside the sources.

    Raises:
        ImportServiceError: the module raises.
        JubakoError: one that the module raises, with a note.
    """
    parent, _, own = module.name.rpartition(".") if module.is_importable else ("", "", _plain_name(module))
    digest = hashlib.sha256(os.fsencode(module.file)).hexdigest()[:8]
    private = f"_jubako_{digest}_{own}"
    outside = _restored(module, changes_cwd=changes_cwd, writes_bytecode=writes_bytecode)
    with _IMPORT_LOCK, outside, _explaining(module):
        if parent:
            importlib.import_module(parent)
        executed = _execute(module, f"{parent}.{private}" if parent else private, also=module.name)
    sys.modules[executed.__name__] = executed
    return executed


def pick_service(module: ModuleType, attribute: str, import_string: str) -> Service:
    """Return the Service that a dotted attribute names, or the only one that the module has.

    Raises:
        ImportServiceError: there is no such attribute, it is no Service, or there are none or several to choose from.
    """
    if attribute:
        return _service_at(module, attribute, import_string)
    found = {id(value): name for name, value in vars(module).items() if isinstance(value, Service)}
    names = sorted(found.values())
    if len(names) == 1:
        service: Service = vars(module)[names[0]]
        return service
    raise ImportServiceError(
        f"{import_string!r} names {len(names) or 'no'} Services." if names else f"{import_string!r} has no Service.",
        why=f"{module.__file__} has {', '.join(names)}."
        if names
        else f"{module.__file__} defines none at its top level.",
        do=f"write one of {', '.join(repr(f'{import_string}:{name}') for name in names)}"
        if names
        else "define one, svc = jubako.Service(…), or name it: 'module:attribute'",
    )


# One at a time: sys.path and sys.modules belong to the whole process. Reentrant, for a service may load another.
_IMPORT_LOCK = threading.RLock()


def _find_spec(name: str, paths: list[str] | None) -> ModuleSpec | None:
    if paths is not None:
        return PathFinder.find_spec(name, paths)
    # Every finder, for editable installs bring one of their own.
    found = (finder.find_spec(name, None) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def _plain_name(module: SourceModule) -> str:
    return re.sub(r"\W", "_", module.file.stem)


def _execute(module: SourceModule, name: str, also: str = "") -> ModuleType:
    """Run a file as the module `name`; those that import `also` meanwhile get the same module."""
    spec = importlib.util.spec_from_file_location(name, module.file)
    if spec is None or spec.loader is None:
        raise ImportServiceError(f"{module.file} is nothing that Python imports.", do="give a .py file")
    executed = importlib.util.module_from_spec(spec)
    sys.modules[name] = executed
    if also:
        sys.modules[also] = executed
    try:
        spec.loader.exec_module(executed)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return executed


@contextlib.contextmanager
def _explaining(module: SourceModule) -> Iterator[None]:
    """Name the module in whatever its code raises."""
    try:
        yield
    except JubakoError as error:
        error.add_note(f"(while importing {module.file})")
        raise
    except (Exception, SystemExit) as error:
        raise ImportServiceError(
            f"{module.file} cannot be imported.",
            why=f"It raises {type(error).__name__}: {error}",
            do="correct the file; the traceback above names the line",
        ) from error


@contextlib.contextmanager
def _restored(module: SourceModule, *, changes_cwd: bool, writes_bytecode: bool) -> Iterator[None]:
    """Import from the working directory first inside the block, and put everything back at its end."""
    working_dir = module.working_dir
    path, cwd, dont_write = list(sys.path), Path.cwd() if changes_cwd else None, sys.dont_write_bytecode
    hidden = _hide_namesakes(module)
    before = set(sys.modules)
    try:
        if cwd is not None:
            os.chdir(working_dir)
        sys.path.insert(0, str(working_dir))
        sys.dont_write_bytecode = dont_write or not writes_bytecode
        importlib.invalidate_caches()
        yield
    finally:
        if cwd is not None:
            os.chdir(cwd)
        sys.path[:] = path
        sys.dont_write_bytecode = dont_write
        for name in set(sys.modules) - before:
            if _is_from(sys.modules[name], working_dir):
                del sys.modules[name]
        sys.modules.update(hidden)


def _hide_namesakes(module: SourceModule) -> dict[str, ModuleType]:
    """Take out of `sys.modules` what was imported from elsewhere by a name of the working directory, and the module."""
    working_dir = module.working_dir
    own = {entry.name.partition(".")[0] for entry in working_dir.iterdir()} - sys.stdlib_module_names
    foreign = {top for top in own if not _is_from(sys.modules.get(top), working_dir) and _wins(top, working_dir)}
    hidden = {
        name: imported
        for name, imported in sys.modules.items()
        if name == module.name or name.partition(".")[0] in foreign
    }
    for name in hidden:
        del sys.modules[name]
    return hidden


def _wins(top: str, working_dir: Path) -> bool:
    # A folder without __init__.py loses to an installed package of its name, wherever that stands in sys.path.
    spec = PathFinder.find_spec(top, [str(working_dir), *sys.path])
    if spec is None:
        return False
    places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or ())
    return any(place is not None and Path(place).is_relative_to(working_dir) for place in places)


def _is_from(module: ModuleType | None, working_dir: Path) -> bool:
    # Looked up in the dictionary: a lazy module may import something to answer getattr.
    attributes = getattr(module, "__dict__", {})
    file = attributes.get("__file__")
    places = [file] if file else list(attributes.get("__path__") or ())
    return any(Path(place).is_relative_to(working_dir) for place in places)


def _service_at(module: ModuleType, attribute: str, import_string: str) -> Service:
    found: object = module
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            services = sorted(name for name, value in vars(module).items() if isinstance(value, Service))
            raise ImportServiceError(
                f"{import_string!r} names no Service.",
                why=f"{module.__file__} has no {attribute!r}.",
                do=f"name one of its Services: {', '.join(services)}" if services else "define it there",
            ) from error
    if not isinstance(found, Service):
        raise ImportServiceError(
            f"{import_string!r} names no Service.",
            why=f"{attribute!r} is a {type(found).__name__}.",
            do="name a jubako.Service",
        )
    return found
