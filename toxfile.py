"""What tox loads before its configuration: it finds the Pythons of pyenv, and lets no process outlive an interrupt.

It also tells uv, which makes the environments, of the wheels that pip is told of.

pyenv puts one shim a version on PATH, and a shim works only for the versions named in PYENV_VERSION. Without this,
`tox run` would skip every Python but the active one on a machine that has them all.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
from pathlib import Path

MINOR_VERSIONS = ("3.11", "3.12", "3.13")


def name_pyenv_versions() -> str:
    """The newest patch release of each of `MINOR_VERSIONS` that pyenv has, as PYENV_VERSION wants them."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    installed = [path.name for path in root.iterdir()] if root.is_dir() else []
    found = []
    for minor in MINOR_VERSIONS:
        patches = [int(name[len(minor) + 1 :]) for name in installed if re.fullmatch(rf"{re.escape(minor)}\.\d+", name)]
        if patches:
            found.append(f"{minor}.{max(patches)}")
    return ":".join(found)


def interrupt_with_parent() -> None:
    """Get interrupted when the tox that started this one ends; only on Linux, elsewhere nothing happens.

    A tox that was given the plugins which `requires` names runs inside the one that was typed, and that one passes on
    no signal: without this, `kill -INT` of it would leave the demo's server behind. (Ctrl-C reaches them all.)
    """
    parent_death_signal = 1  # PR_SET_PDEATHSIG, in linux/prctl.h
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGINT)


if Path(sys.prefix).name == ".tox":
    interrupt_with_parent()
if wheels := os.environ.get("PIP_FIND_LINKS"):
    # pip separates folders by spaces, uv by commas.
    os.environ.setdefault("UV_FIND_LINKS", ",".join(wheels.split()))
if versions := name_pyenv_versions():
    os.environ.setdefault("PYENV_VERSION", versions)
