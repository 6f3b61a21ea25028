"""Looking up whether import names are installed, without importing them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder
from importlib.util import find_spec


def find_missing(import_names: Iterable[str]) -> tuple[str, ...]:
    """The names that cannot be imported, in order. Nothing is imported, not even the packages that hold them."""
    return tuple(name for name in import_names if not _is_installed(name))


def _is_installed(import_name: str) -> bool:
    if import_name in sys.modules:
        return sys.modules[import_name] is not None
    top, *rest = import_name.split(".")
    try:
        spec = find_spec(top)
        # `find_spec` of a dotted name would import the packages above it.
        for depth in range(len(rest)):
            if spec is None or spec.submodule_search_locations is None:
                return False
            spec = PathFinder.find_spec(".".join((top, *rest[: depth + 1])), spec.submodule_search_locations)
    except (ImportError, ValueError):
        # ValueError: a module of that name is loaded and says nothing of where it came from, so no framework of ours.
        return False
    return spec is not None
