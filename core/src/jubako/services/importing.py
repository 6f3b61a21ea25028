"""Running the module that defines a Service.

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
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from jubako.errors import ImportServiceError, JubakoError
from jubako.services.isolation import Isolation
from jubako.services.source import SourceModule
from jubako.services.tracebacks import line_below, traceback_below


def enter_for_good(module: SourceModule, *, writes_bytecode: bool = True) -> None:
    """Make a module's working directory the process's, and the first entry of `sys.path`, from now on.

    What is pickled by reference to a module beside the service is then found, whether or not the service is imported.

    Args:
        module: of the service; it is not imported.
        writes_bytecode: False if nothing may be written beside the sources.
    """
    os.chdir(module.working_dir)
    if sys.path[: len(module.search_path)] != module.search_path:
        sys.path[:0] = module.search_path
    if not writes_bytecode:
        sys.dont_write_bytecode = True
    importlib.invalidate_caches()


def import_for_good(module: SourceModule, *, writes_bytecode: bool = True) -> ModuleType:
    """Import a module into a process that is entered for good; see `enter_for_good`.

    Args:
        module: what to import.
        writes_bytecode: False if nothing may be written beside the sources.

    Raises:
        ImportServiceError: the module raises, or its name is taken by another module.
        JubakoError: one that the module raises, with a note.
    """
    enter_for_good(module, writes_bytecode=writes_bytecode)
    with _explaining(module):
        if not module.is_importable:
            return _execute(module, re.sub(r"\W", "_", module.name))
        imported = importlib.import_module(module.name)
    file = getattr(imported, "__file__", None)
    if file is None or not module.file.samefile(file):
        raise ImportServiceError(
            f"{module.file} cannot be imported as {module.name!r}.",
            why=f"That name belongs to {file or 'a module of Python itself'}.",
            do="rename the file",
        )
    return imported


def import_isolated(
    module: SourceModule, *, changes_cwd: bool = False, writes_bytecode: bool = True
) -> tuple[ModuleType, Isolation]:
    """Run a module afresh, and leave the program as it was.

    Modules of the working directory that it imports are its own: they are not seen afterwards by other code, nor does
    it see modules of the same name that were imported before from elsewhere. The module itself stays in `sys.modules`
    under a private name, so that its objects can be pickled. One import at a time in a process.

    Args:
        module: what to import.
        changes_cwd: True makes the working directory the process's while the module runs.
        writes_bytecode: False if nothing may be written beside the sources.

    Returns:
        The module, and what it has to itself: code of its own that is run later may need that.

    Raises:
        ImportServiceError: the module raises.
        JubakoError: one that the module raises, with a note.
    """
    parent, _, own = module.name.rpartition(".") if module.is_importable else ("", "", module.name)
    digest = hashlib.sha256(os.fsencode(module.file)).hexdigest()[:8]
    private = re.sub(r"\W", "_", f"_jubako_{digest}_{own}")
    isolation = Isolation(module, writes_bytecode=writes_bytecode)
    with isolation.entered(changes_cwd=changes_cwd), _explaining(module):
        if parent:
            importlib.import_module(parent)
        executed = _execute(module, f"{parent}.{private}" if parent else private, also=module.name)
    sys.modules[executed.__name__] = executed
    return executed, isolation


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
    """Name the module in whatever its code raises, and the line."""
    folders = [Path(folder) for folder in module.search_path]
    try:
        yield
    except JubakoError as error:
        error.add_note(f"(while importing {line_below(error, folders) or module.file})")
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name:
            fix = f"install the package of {error.name.partition('.')[0]!r}, or correct the import"
        else:
            fix = "correct the file"
        raised = traceback.format_exception_only(error)[-1].strip()
        raise ImportServiceError(
            f"{module.file} cannot be imported.",
            why="\n".join(part for part in (f"It raises {raised}", traceback_below(error, folders)) if part),
            do=fix,
        ) from error
