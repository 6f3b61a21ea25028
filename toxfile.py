"""Lets `tox run` find the Pythons that pyenv keeps, whichever of them is active.

pyenv puts one shim a version on PATH, and a shim works only for the versions named in PYENV_VERSION. Without this,
`tox run` would skip every Python but the active one on a machine that has them all.
"""

from __future__ import annotations

import os
import re
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


if versions := name_pyenv_versions():
    os.environ.setdefault("PYENV_VERSION", versions)
