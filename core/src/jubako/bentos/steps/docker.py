"""The docker step: `env/docker/`, from which the Bento's image is built."""

from __future__ import annotations

from pathlib import Path

from jubako.bentos.containers.distros import DISTROS
from jubako.bentos.containers.dockerfile import (
    CONDA_ENVIRONMENT,
    DOCKERFILE,
    ENTRYPOINT,
    SETUP_SCRIPT,
    Image,
    write_dockerfile,
)
from jubako.bentos.containers.entrypoint import write_entrypoint
from jubako.bentos.containers.packed import read_named_file
from jubako.bentos.docker_options import DockerOptions
from jubako.bentos.python_version import python_of
from jubako.contracts.build_step import BuildDraft
from jubako.errors import BuildError

_FIELD = "docker.setup_script"
_LOCK = "requirements.lock.txt"
_REQUIREMENTS = "requirements.txt"


def write_docker_files(draft: BuildDraft) -> None:
    """Write the Dockerfile, the entrypoint and the setup script; comes after the steps for Python and conda.

    Raises:
        BuildError: the setup script cannot be packed, or the distribution has not the Python that the Bento is for.
    """
    options = DockerOptions(**draft.options["docker"])
    has_conda = (draft.folder / CONDA_ENVIRONMENT).is_file()
    python_version = python_of(draft)
    if not (has_conda or options.base_image or python_version in DISTROS[options.distro].python_versions):
        raise BuildError(
            f"distro {options.distro!r} has no Python {python_version}.",
            why=f"It has {', '.join(DISTROS[options.distro].python_versions)}.",
            do="choose another docker.distro, a base_image that has it, or build with another Python",
        )
    requirements, requires_hashes = _requirements(draft.folder / "env" / "python")
    image = Image(
        distro=options.distro,
        python_version=python_version,
        base_image=options.base_image or "",
        cuda_version=options.cuda_version or "",
        gpu=options.gpu,
        system_packages=options.system_packages,
        env=options.env,
        requirements=requirements,
        requires_hashes=requires_hashes,
        has_conda=has_conda,
        has_setup_script=options.setup_script is not None,
    )
    (draft.folder / DOCKERFILE).parent.mkdir(parents=True, exist_ok=True)
    (draft.folder / DOCKERFILE).write_text(write_dockerfile(image), encoding="utf-8")
    (draft.folder / ENTRYPOINT).write_text(write_entrypoint(options.env, has_conda=has_conda), encoding="utf-8")
    if options.setup_script is not None:
        (draft.folder / SETUP_SCRIPT).write_bytes(_read_script(draft.context, options.setup_script))


def _requirements(folder: Path) -> tuple[str, bool]:
    """The file that pip installs from, and whether it has hashes; the lock goes before what was asked for."""
    for name in (_LOCK, _REQUIREMENTS):
        if (folder / name).is_file():
            return name, "--hash=" in (folder / name).read_text(encoding="utf-8")
    return "", False


def _read_script(context: Path, path: str) -> bytes:
    content = read_named_file(context, path, _FIELD)
    if content.startswith(b"#!") and content.partition(b"\n")[0].endswith(b"\r"):
        raise BuildError(
            f"{_FIELD} {path!r} cannot be run.",
            why="Its first line ends with CR LF, and so names an interpreter that there is not.",
            do="save it with line ends of Unix",
        )
    return content
