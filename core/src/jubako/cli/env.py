"""`jubako env`: what a report of a bug should tell, and nothing secret."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import attrs
import click
from packaging.requirements import Requirement

from jubako._version import __version__
from jubako.cli._help import examples
from jubako.cli._options import read_settings_with_sources, settings_options
from jubako.cli._output import output_option, show
from jubako.cli._progress import format_bytes
from jubako.cli._stdout import stdout_for_the_answer
from jubako.cli._tables import format_table
from jubako.plugins import Composition, compose
from jubako.runners.machine import discover_machine
from jubako.server.redaction import redact
from jubako.settings import LoadedSettings

# What a build, a lock or an image may need.
_PROGRAMS = ("buildah", "conda", "docker", "git", "pip", "podman", "uv")


@click.command("env", epilog=examples("jubako env", "jubako env --yaml > report.yaml"))
@output_option("table", "json", "yaml")
@settings_options
def command(output: str, config: Path | None, strict_plugins: bool | None) -> None:
    """Show versions, machine, packages, plugins and where settings come from: what a report of a bug should tell.

    Of environment variables and settings names are shown, and of URLs no credentials.
    """
    with stdout_for_the_answer():
        loaded = read_settings_with_sources(config, strict_plugins)
        composition = compose(loaded.settings.plugins)
    data = describe_environment(loaded, composition)
    show(data, output, lambda width: format_table(("WHAT", "VALUE"), list(_rows(data)), width))


def describe_environment(loaded: LoadedSettings, composition: Composition) -> dict[str, Any]:
    """Everything that is shown, as JSON-like data."""
    machine = discover_machine()
    stores = loaded.settings.stores
    changed = sorted(key for key, source in loaded.sources.items() if source.kind != "default")
    return {
        "jubako": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "cpus": machine.cpus,
        "memory_bytes": machine.memory_bytes,
        "gpus": {
            "driver": machine.gpu_driver or None,
            "fault": machine.gpu_fault or None,
            "hidden": machine.hidden_gpus,
            "devices": [attrs.asdict(gpu, filter=lambda field, _: field.name != "taken_share") for gpu in machine.gpus],
        },
        "packages": dict(_packages(composition)),
        "plugins": [
            {**attrs.asdict(report.candidate, filter=_is_shown), "status": str(report.status)}
            for report in composition.reports
        ],
        "programs": {name: shutil.which(name) for name in _PROGRAMS},
        "settings": {
            "file": None if loaded.path is None else str(loaded.path),
            "environment": sorted(name for name in os.environ if name.startswith("JUBAKO_")),
            "changed": changed,
        },
        "stores": {
            "home": str(stores.home),
            "model_store": redact(stores.model_store) or None,
            "bento_store": redact(stores.bento_store) or None,
        },
    }


def _is_shown(attribute: Any, _: object) -> bool:
    return attribute.name in ("name", "distribution", "version")


def _packages(composition: Composition) -> Iterator[tuple[str, str | None]]:
    """Versions of all that Jubako and its plugins require, also of extras; None for what is not installed."""
    distributions = dict.fromkeys(report.distribution for report in composition.reports)
    names = {_canonical(name) for each in distributions for name in _required_by(each)} | {
        _canonical(name) for name in distributions
    }
    for name in sorted(names):
        yield name, _version_of(name)


def _required_by(distribution: str) -> Iterable[str]:
    try:
        return [Requirement(text).name for text in requires(distribution) or ()]
    except PackageNotFoundError:
        return []


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _version_of(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _rows(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "jubako", data["jubako"]
    yield "python", f"{data['python']} ({data['implementation']}), {data['executable']}"
    yield "platform", data["platform"]
    yield "processors", f"{data['cpus']:g}"
    yield "memory", format_bytes(data["memory_bytes"])
    yield from _gpu_rows(data["gpus"])
    yield "home", data["stores"]["home"]
    for key in ("model_store", "bento_store"):
        if data["stores"][key]:
            yield key.replace("_", " "), data["stores"][key]
    yield "settings file", data["settings"]["file"] or "none"
    yield "environment", ", ".join(data["settings"]["environment"]) or "no JUBAKO_ variables"
    yield "changed settings", ", ".join(data["settings"]["changed"]) or "none"
    for plugin in data["plugins"]:
        yield f"plugin {plugin['name']}", f"{plugin['distribution']} {plugin['version']}, {plugin['status']}"
    yield "programs", ", ".join(name for name, path in data["programs"].items() if path) or "none"
    installed = [f"{name} {found}" for name, found in data["packages"].items() if found]
    missing = [name for name, found in data["packages"].items() if not found]
    yield "packages", ", ".join(installed)
    yield "not installed", ", ".join(missing) or "nothing"


def _gpu_rows(gpus: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for gpu in gpus["devices"]:
        words = f"{gpu['name']}, {format_bytes(gpu['memory_bytes'])}, driver {gpus['driver']}, {gpu['uuid']}"
        yield f"GPU {gpu['index']}", words
    if gpus["hidden"]:
        yield "hidden GPUs", str(gpus["hidden"])
    if gpus["fault"]:
        yield "GPUs", gpus["fault"]
