"""One module for each runner type: `jubako.<name>` with `save`, `load` and `load_runner`, for whatever is installed.

Such a module holds nothing. Each access asks the current workspace's composition, so that code which a server imports
gets the plugins of that server. Nothing is composed until a module of this kind is asked for.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from jubako._references import load_reference
from jubako.contracts.offers import RunnerType
from jubako.errors import JubakoError, MissingDependency

_PACKAGE = "jubako"
_FUNCTIONS = ("save", "load", "load_runner")


class RunnerModule(ModuleType):
    """`jubako.<runner type>`: the three functions of a runner type, loaded when one is asked for."""

    __all__ = _FUNCTIONS

    def __getattr__(self, attribute: str) -> Any:
        if attribute not in _FUNCTIONS:
            raise AttributeError(f"{self.__name__} has {', '.join(_FUNCTIONS)}, and no {attribute!r}")
        name = self.__name__.removeprefix(f"{_PACKAGE}.")
        composition = load_reference("jubako.workspace:current_workspace")().composition
        return composition.resolve(composition.find(RunnerType, name), attribute)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_FUNCTIONS]


class RunnerModuleFinder:
    """Finds `jubako.<name>` where no real module has that name; stands last in `sys.meta_path`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of a runner type's module, or None for a name that cannot be one.

        Raises:
            JubakoError: it could be one, but no plugin offers it, or the one that does failed; an ImportError too.
        """
        package, _, name = fullname.rpartition(".")
        if package != _PACKAGE or name.startswith("_"):
            return None
        try:
            _check_runner_type(name)
        except JubakoError as error:
            raise _also(error, ImportError) from error.__cause__
        return ModuleSpec(fullname, self, origin="runner type")  # type: ignore[arg-type]  # typeshed wants an ABC

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make the empty module."""
        return RunnerModule(spec.name, f"The functions of the runner type {spec.name.rpartition('.')[2]!r}.")

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run: attributes are looked up when they are asked for."""


def install_finder() -> None:
    """Put the finder behind all others; once, however often it is called."""
    if not any(isinstance(finder, RunnerModuleFinder) for finder in sys.meta_path):
        sys.meta_path.append(RunnerModuleFinder())


def runner_module(name: str) -> ModuleType:
    """The module of a runner type, as an attribute of the package.

    Raises:
        JubakoError: no plugin offers it, or the one that does failed; an AttributeError too, for the sake of `hasattr`.
    """
    try:
        _check_runner_type(name)
    except JubakoError as error:
        raise _also(error, AttributeError) from error.__cause__
    return importlib.import_module(f"{_PACKAGE}.{name}")


def _check_runner_type(name: str) -> None:
    composition = load_reference("jubako.workspace:current_workspace")().composition
    try:
        composition.find(RunnerType, name)
    except MissingDependency:
        # The module is there; its functions say what to install.
        return


def _also(error: JubakoError, builtin: type[Exception]) -> JubakoError:
    """The same error, of a class that is a built-in one too."""
    kind = type(error)
    both: type[JubakoError] = type(kind.__name__, (kind, builtin), {"__module__": kind.__module__})
    return both(error.message, why=error.why, do=error.do)
