"""Bentos: building them from a Service, its files and its models, finding them in a store, and moving them."""

from __future__ import annotations

from jubako.bentos.archives import export_bento, import_bento, pull, push
from jubako.bentos.building import build, build_bentofile
from jubako.bentos.conda_options import CondaOptions
from jubako.bentos.containers.containerizing import containerize
from jubako.bentos.docker_options import DockerOptions
from jubako.bentos.python_options import PythonOptions
from jubako.bentos.stored import delete, get, list, verify
from jubako.services.bento import Bento

__all__ = [
    "Bento",
    "CondaOptions",
    "DockerOptions",
    "PythonOptions",
    "build",
    "build_bentofile",
    "containerize",
    "delete",
    "export_bento",
    "get",
    "import_bento",
    "list",
    "pull",
    "push",
    "verify",
]
