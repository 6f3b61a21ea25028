"""`Recipe`: what the environment of a Bento is made of, read from its files and checked against `bento.yaml`."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
import sysconfig
from pathlib import Path

import attrs

from jubako.errors import CommandError
from jubako.services.bento import Bento
from jubako.serving.environments.lines import check_lines
from jubako.stores.digests import verify_files

_FOLDER = "env/python"
_LOCK = "requirements.lock.txt"
_REQUIREMENTS = "requirements.txt"
_CONDA = "env/conda/environment.yml"
_LONGEST_TEXT_BYTES = 16 * 1024 * 1024
# Changes when environments are made in another way, so that older ones are not used any more.
_FORMAT = 1


@attrs.frozen
class Recipe:
    """What an environment is made of.

    Args:
        tag: the Bento's, for people.
        python: the version of Python that it needs, such as `3.11`.
        folder: where the requirements and the wheels are; relative paths in the requirements start from it.
        requirements: the file's name.
        is_locked: True if it is a lock, which names versions.
        has_hashes: True if it pins what is installed by hashes, too.
        key: equal for everything that gives the same environment on this machine, and for nothing else.
    """

    tag: str
    python: str
    folder: Path
    requirements: str
    is_locked: bool
    has_hashes: bool
    key: str


def read_recipe(bento: Bento) -> Recipe:
    """Read what the environment of a Bento is made of; imports nothing of it.

    Raises:
        CommandError: the Bento does not say, needs packages of conda, or leads to files that are not its own.
        ModelDigestMismatch: one of the files is not what `bento.yaml` says.
    """
    if (bento.path / _CONDA).is_file():
        raise CommandError(
            f"Bento {bento.tag} cannot be served with --isolated.",
            why="It needs packages of conda, and a virtual environment holds packages of Python only.",
            do=f"jubako containerize {bento.tag}, or create a conda environment from {_CONDA} and serve it in there",
        )
    entries = [entry for entry in bento.info.files if entry.path.startswith(f"{_FOLDER}/")]
    verify_files(bento.path, entries)
    listed = {entry.path.removeprefix(f"{_FOLDER}/") for entry in entries}
    requirements = next((name for name in (_LOCK, _REQUIREMENTS) if name in listed), None)
    if requirements is None or "version.txt" not in listed:
        raise CommandError(
            f"Bento {bento.tag} cannot be served with --isolated.",
            why=f"It does not say which packages it needs: {_FOLDER} lacks {'version.txt' if requirements else _LOCK}.",
            do="build it again, or install its packages yourself and serve it without --isolated",
        )
    folder = bento.path / _FOLDER
    text = _read(folder / requirements)
    check_lines(text, requirements)
    return Recipe(
        tag=str(bento.tag),
        python=_short_version(_read(folder / "version.txt"), bento),
        folder=folder,
        requirements=requirements,
        is_locked=requirements == _LOCK,
        # As pip has it: if one has a hash, all need one.
        has_hashes="--hash=" in text,
        key=_key_of({entry.path: entry.sha256 for entry in entries}),
    )


def _key_of(digests: dict[str, str]) -> str:
    machine = [sys.implementation.name, sysconfig.get_platform(), platform.libc_ver()[0]]
    made_of = json.dumps([_FORMAT, machine, digests], sort_keys=True)
    return hashlib.sha256(made_of.encode()).hexdigest()[:32]


def _short_version(text: str, bento: Bento) -> str:
    match = re.match(r"(3\.\d{1,3})(\.|\s|$)", text.strip())
    if match is None:
        raise CommandError(
            f"Bento {bento.tag} cannot be served with --isolated.",
            why=f"{_FOLDER}/version.txt names no version of Python, but {text.strip()[:40]!r}.",
            do="build it again",
        )
    return match[1]


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LONGEST_TEXT_BYTES).decode("utf-8", "replace")
