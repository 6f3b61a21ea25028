"""Jubako turns trained models into web services.

Importing it is cheap: what stands behind a public name is imported when the name is first used. Beside the names below,
each runner type that is installed is a module, such as `jubako.picklable_model`, with `save`, `load` and `load_runner`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from jubako import exceptions
from jubako._references import load_reference
from jubako._runner_modules import install_finder, runner_module
from jubako._version import __version__
from jubako.contracts.hookspecs import hookimpl
from jubako.values.tag import Tag

if TYPE_CHECKING:
    from jubako import bentos, io, models
    from jubako.bentos import (
        Bento,
        build,
        build_bentofile,
        containerize,
        delete,
        export_bento,
        get,
        import_bento,
        list,
        pull,
        push,
    )
    from jubako.models import Model
    from jubako.runners import Runner, SimpleRunner, batch_method
    from jubako.services import Context, Service, load

__all__ = [
    "Bento",
    "Context",
    "Model",
    "Runner",
    "Service",
    "SimpleRunner",
    "Tag",
    "__version__",
    "batch_method",
    "bentos",
    "build",
    "build_bentofile",
    "containerize",
    "delete",
    "exceptions",
    "export_bento",
    "get",
    "hookimpl",
    "import_bento",
    "io",
    "list",
    "load",
    "models",
    "pull",
    "push",
]

_REFERENCES = {
    "Bento": "jubako.bentos:Bento",
    "Context": "jubako.services:Context",
    "Model": "jubako.models:Model",
    "Runner": "jubako.runners:Runner",
    "Service": "jubako.services:Service",
    "SimpleRunner": "jubako.runners:SimpleRunner",
    "batch_method": "jubako.runners:batch_method",
    "build": "jubako.bentos:build",
    "build_bentofile": "jubako.bentos:build_bentofile",
    "containerize": "jubako.bentos:containerize",
    "delete": "jubako.bentos:delete",
    "export_bento": "jubako.bentos:export_bento",
    "get": "jubako.bentos:get",
    "import_bento": "jubako.bentos:import_bento",
    "list": "jubako.bentos:list",
    "load": "jubako.services:load",
    "pull": "jubako.bentos:pull",
    "push": "jubako.bentos:push",
}
_MODULES = ("bentos", "io", "models")

install_finder()


def __getattr__(name: str) -> Any:
    if name in _REFERENCES:
        # Kept, so that this function is asked once a name.
        found = globals()[name] = load_reference(_REFERENCES[name])
        return found
    if name in _MODULES:
        return importlib.import_module(f"jubako.{name}")
    if name.startswith("_"):
        # Tools probe for such names; none is a runner type, and looking would compose all plugins.
        raise AttributeError(f"module 'jubako' has no attribute {name!r}")
    return runner_module(name)


def __dir__() -> Any:
    return sorted(__all__)
