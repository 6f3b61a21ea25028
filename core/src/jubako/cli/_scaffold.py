"""Writing a new plugin: a folder with a distribution that works, from the templates beside this module."""

from __future__ import annotations

import keyword
import pkgutil
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

import jubako
from jubako._version import __version__
from jubako.builtin import jubako_register_commands
from jubako.contracts.offers import RunnerType
from jubako.errors import AlreadyExists, InvalidArgument, StoreError
from jubako.plugins.composing import BUILT_IN
from jubako.plugins.first_party import distribution_offering, first_party_distributions, first_party_names

KINDS = ("runner", "extension", "descriptor", "command")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SUFFIX = ".template"


def write_plugin(name: str, kind: str, directory: Path) -> Path:
    """Write a plugin that can be installed and whose tests pass; return its folder, `directory/name`.

    Args:
        name: the plugin's name: lower case, digits and `_`; what it offers is named without a last `_runner`, or
            whatever its kind is.
        kind: one of `KINDS`.
        directory: made if it does not exist.

    Raises:
        InvalidArgument: the name cannot be a package's, or is taken, or what it offers could not be imported.
        AlreadyExists: there is something of that name.
        StoreError: the folder cannot be written.
    """
    offer = name.removesuffix(f"_{kind}")
    distribution = f"jubako-{name.replace('_', '-')}"
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"a plugin cannot be named {name!r}.", do="write it like toy_runner: a-z, 0-9 and single '_'"
        )
    why = _why_not(name, offer if kind == "runner" else "", distribution)
    if kind == "command" and offer.replace("_", "-") in {own.name for own in jubako_register_commands()}:
        why = f"It would offer the command {offer!r}, which is the core's."
    if why:
        raise InvalidArgument(f"a plugin cannot be named {name!r}.", why=why, do="take another name")
    folder = directory / name
    words = {
        "name": name,
        "offer": offer,
        "command": offer.replace("_", "-"),
        "check": offer,
        "class": "".join(part.capitalize() for part in offer.split("_")),
        "package": f"jubako_{name}",
        "distribution": distribution,
        "version": ".".join(__version__.split(".")[:2]),
        "next_version": _next_minor(__version__),
    }
    try:
        folder.mkdir(parents=True)
        for path, text in _templates(files("jubako.cli").joinpath("templates", kind)):
            target = folder / Template(path).substitute(words)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(Template(text).substitute(words), encoding="utf-8")
    except FileExistsError as error:
        raise AlreadyExists(f"{folder} exists.", do="take another name or --directory") from error
    except OSError as error:
        raise StoreError(f"{folder} cannot be written.", why=f"{error}.") from error
    return folder


def _why_not(name: str, offer: str, distribution: str) -> str:
    """Why a plugin should not have this name, as a sentence; empty if it may. Only a runner type has an offer."""
    if keyword.iskeyword(offer):
        return f"It would offer jubako.{offer}, and {offer!r} is a keyword of Python."
    if name == BUILT_IN.name or distribution in first_party_distributions():
        return "That is a plugin of Jubako's own."
    if offer in first_party_names(RunnerType):
        return (
            f"It would offer {offer!r}, as {distribution_offering(RunnerType, offer)} does, and neither could be used."
        )
    if offer in {*jubako.__all__, *(module.name for module in pkgutil.iter_modules(jubako.__path__))}:
        return f"It would offer jubako.{offer}, which is something else already."
    return ""


def _templates(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Path and text of every template below a folder."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield prefix + entry.name.removesuffix(_SUFFIX), entry.read_text(encoding="utf-8")


def _next_minor(version: str) -> str:
    major, minor = (int(part) for part in version.split(".")[:2])
    return f"{major}.{minor + 1}"
