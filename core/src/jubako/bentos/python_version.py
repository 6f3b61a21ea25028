"""Which Python a Bento is for."""

from __future__ import annotations

import platform

from jubako.bentos.docker_options import DockerOptions
from jubako.contracts.build_step import BuildDraft


def python_of(draft: BuildDraft) -> str:
    """Two numbers, such as `3.12`: those of `docker.python_version`, else of the Python that builds."""
    asked = DockerOptions(**draft.options["docker"]).python_version
    return ".".join((asked or platform.python_version()).split(".")[:2])
