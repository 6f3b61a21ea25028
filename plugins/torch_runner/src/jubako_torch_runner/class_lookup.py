"""Finds the class of a module that a file names, and runs nothing that could not be one.

A name in a file chooses among the classes that are installed, or in the service's folder; it must not choose what code
runs. So before anything is imported, the source that the name leads to is found without running the packages above it,
and looked at: it has to define a class of that name. Imported is then that module alone, with its packages.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

import torch

from jubako.errors import InvalidManifest, MissingDependency, ModelNotTrusted

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
# Messages repeat it.
_LONGEST_NAME = 500
# Of torch itself only the layers: modules elsewhere in it take texts that they run or open.
_TORCH_LAYERS = "torch.nn.modules."


def name_of_class(cls: type) -> str:
    """The name `find_class` finds a class by.

    Raises:
        ModelNotTrusted, MissingDependency, InvalidManifest: it finds another class by it, or none; says why.
    """
    name = f"{cls.__module__}:{cls.__qualname__}"
    if "<locals>" in cls.__qualname__:
        raise ModelNotTrusted(
            f"{cls.__name__} is defined inside a function.",
            why="Nobody else can import it.",
            do="move the class to the top of a module",
        )
    if find_class(name) is not cls:
        raise InvalidManifest(f"{name} is another class.", why="The module was imported or changed since.")
    return name


def find_class(name: str) -> type[torch.nn.Module]:
    """The class of a name such as `package.module:Class`.

    Raises:
        InvalidManifest: the text is no such name, or the module has no such class.
        MissingDependency: there is no such module here.
        ModelNotTrusted: it is no `torch.nn.Module`, or is defined where no class for a file may be.
    """
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise InvalidManifest(f"{name[:80]!r} is no name of a class.", why="It has to read 'package.module:Class'.")
    module_name, _, path = name.partition(":")
    _check_place(name, module_name)
    # What the program imported by itself, the file did not choose to run.
    if module_name not in sys.modules:
        _check_source(name, module_name, path)
    try:
        module: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise _missing(name, error.name or module_name) from error
    except Exception as error:  # the module's own code runs
        raise InvalidManifest(f"{name} cannot be imported.", why=f"{type(error).__name__}: {error}") from error
    found: Any = module
    for part in path.split("."):
        # Not getattr, which may run code of the module's.
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    if not isinstance(found, type) or not issubclass(found, torch.nn.Module):
        raise ModelNotTrusted(f"{name} is no torch.nn.Module.", why="A file may name classes of modules only.")
    if (found.__module__, found.__qualname__) != (module_name, path):
        raise ModelNotTrusted(f"{name} is defined elsewhere.", why="A file names a class where it is defined.")
    return found


def _check_place(name: str, module_name: str) -> None:
    parts = module_name.split(".")
    if "__main__" in parts:
        raise ModelNotTrusted(
            f"{name} is defined in a program, not in a module.",
            why="Another process cannot import it.",
            do="move the class to a module of its own and import it from there",
        )
    if parts[0] in sys.stdlib_module_names or (parts[0] == "torch" and not module_name.startswith(_TORCH_LAYERS)):
        raise ModelNotTrusted(f"{name} is no layer.", why=f"No module of {parts[0]!r} that a file may name is there.")


def _check_source(name: str, module_name: str, path: str) -> None:
    try:
        body: Sequence[ast.AST] = ast.parse(_find_source(name, module_name)).body
    except (SyntaxError, ValueError, RecursionError, ImportError) as error:
        raise InvalidManifest(f"{name} cannot be looked at.", why=f"{type(error).__name__}: {error}.") from error
    for part in path.split("."):
        body = [inner for node in body for inner in _statements(node) if _defines(inner, part)]
        body = [inner for node in body for inner in ast.iter_child_nodes(node)]
        if not body:
            raise ModelNotTrusted(
                f"{name} is no class that {module_name} defines.",
                why="A file names a class where it is defined; the module was not imported.",
                do="save the model again where it is, or install the version of the package that it was saved with",
            )


def _statements(node: ast.AST) -> list[ast.AST]:
    """A statement, and those inside it, if it is a condition such as `if` or `try`."""
    if isinstance(node, ast.If | ast.Try):
        return [inner for child in ast.iter_child_nodes(node) for inner in _statements(child)]
    return [node]


def _defines(node: ast.AST, class_name: str) -> bool:
    return isinstance(node, ast.ClassDef) and node.name == class_name


def _find_source(name: str, module_name: str) -> str:
    """The source of a module, found without running the packages that it is in."""
    spec: ModuleSpec | None = None
    places: Sequence[str] | None = None
    so_far = ""
    for part in module_name.split("."):
        so_far = f"{so_far}.{part}" if so_far else part
        spec = _find_spec(so_far, places)
        if spec is None:
            raise _missing(name, so_far)
        places = list(spec.submodule_search_locations or ())
    get_source = getattr(spec.loader, "get_source", None) if spec else None
    source = get_source(module_name) if get_source else None
    if not isinstance(source, str):
        raise ModelNotTrusted(
            f"{name} cannot be looked at.",
            why="Its module has no source, so that what it defines cannot be told before it runs.",
            do=f"import {module_name} in the program that loads the model",
        )
    return source


def _find_spec(module_name: str, places: Sequence[str] | None) -> ModuleSpec | None:
    if places is not None:
        return PathFinder.find_spec(module_name, places)
    # Of a module that is in no package, this runs nothing.
    found = importlib.util.find_spec(module_name)
    # The current directory, which Python searches in a console, belongs to whoever may write where one happens to be.
    fixed, passing = (
        _places_of(PathFinder.find_spec(module_name, [one for one in sys.path if Path(one).is_absolute() is is_fixed]))
        for is_fixed in (True, False)
    )
    return None if found is not None and _places_of(found) == passing != fixed else found


def _places_of(spec: ModuleSpec | None) -> list[Path] | None:
    if spec is None:
        return None
    return [Path(place).resolve() for place in spec.submodule_search_locations or [spec.origin or ""]]


def _missing(name: str, module_name: str) -> MissingDependency:
    return MissingDependency(
        f"{name} cannot be found.",
        why=f"There is no module {module_name!r} among the installed packages, nor beside the service or program.",
        do=f"install what provides {module_name!r}, put it beside the service, or import it before the model is loaded",
    )
