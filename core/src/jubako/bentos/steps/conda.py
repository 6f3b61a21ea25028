"""The conda step: `env/conda/environment.yml`, if a conda environment is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from jubako._documents import dump_yaml, parse_yaml, structure
from jubako.bentos.conda_options import DEFAULT_CHANNELS, CondaOptions
from jubako.bentos.containers.dockerfile import CONDA_ENVIRONMENT
from jubako.bentos.containers.packed import read_named_file
from jubako.bentos.docker_options import DockerOptions
from jubako.bentos.python_version import python_of
from jubako.contracts.build_step import BuildDraft
from jubako.errors import BuildError, InvalidArgument

_FIELD = "conda.environment_yml"


def write_conda_environment(draft: BuildDraft) -> None:
    """Write the environment's description anew from its parsed values, with the image's Python, and pip, added.

    Raises:
        BuildError: the file that `conda.environment_yml` names cannot be used; or the image has no conda.
    """
    options = CondaOptions(**draft.options["conda"])
    if options.is_empty:
        return
    docker = DockerOptions(**draft.options["docker"])
    if docker.distro == "alpine":
        raise BuildError(
            "conda cannot be used on alpine.",
            why="Its packages need glibc, which alpine has not.",
            do="choose another docker.distro, or leave conda out",
        )
    if options.environment_yml is not None:
        options = _read(draft.context, options.environment_yml)
    place = draft.folder / CONDA_ENVIRONMENT
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(describe_environment(options, python_of(draft)), encoding="utf-8")


def describe_environment(options: CondaOptions, python_version: str) -> str:
    """The `environment.yml` of checked options, for one Python."""
    # Beside a Python of its own: if they contradict each other, conda says so.
    dependencies: list[Any] = [f"python={python_version}", "pip", *options.dependencies]
    if options.pip:
        dependencies.append({"pip": list(options.pip)})
    return dump_yaml({"channels": list(options.channels or DEFAULT_CHANNELS), "dependencies": dependencies})


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidArgument(f"{value!r} is no list.")
    return value


@attrs.frozen(kw_only=True)
class _EnvironmentFile:
    """The keys of an `environment.yml`; its name, and the folder it once was in, mean nothing in an image."""

    name: str | None = None
    prefix: str | None = None
    channels: list[Any] = attrs.field(factory=list, converter=_listed)
    dependencies: list[Any] = attrs.field(converter=_listed)


def _read(context: Path, path: str) -> CondaOptions:
    content = read_named_file(context, path, _FIELD)
    where = f"{_FIELD} {path!r}"
    file = structure(parse_yaml(content, where, error=BuildError), _EnvironmentFile, where, error=BuildError)
    pip: list[Any] = []
    dependencies: list[Any] = []
    for item in file.dependencies:
        if isinstance(item, dict):
            pip += _pip_of(item, where)
        else:
            dependencies.append(item)
    try:
        return CondaOptions(channels=tuple(file.channels), dependencies=tuple(dependencies), pip=tuple(pip))
    except InvalidArgument as error:
        raise BuildError(f"{where} cannot be used.", why=error.message, do=error.do) from error


def _pip_of(item: dict[Any, Any], where: str) -> list[Any]:
    if set(item) != {"pip"} or not isinstance(item["pip"], list):
        raise BuildError(
            f"{where} cannot be used.",
            why=f"Its dependencies have {item!r}, where only texts and 'pip:' with a list stand.",
            do="write 'pip:' and the list below it",
        )
    requirements: list[Any] = item["pip"]
    return requirements
