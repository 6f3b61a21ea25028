"""Virtual environments, one a peer, made once and kept."""

from __future__ import annotations

import json
import os
import string
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.peer_settings import REPOSITORY, Peer

_INSTALLED_WITHIN_S = 900
_PREPARED_WITHIN_S = 300
_QUOTED_OF_OUTPUT = 2000
# What of the caller's environment would change what a server runs.
_SCRUBBED = ("JUBAKO_", "BENTOML_", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET")


@dataclass(frozen=True)
class Environment:
    """A peer's virtual environment and state.

    Args:
        folder: of the virtual environment.
        state: where the peer keeps its models.
        variables: the whole environment of its processes.
        versions: of the distributions that the report names.
    """

    folder: Path
    state: Path
    variables: Mapping[str, str]
    versions: Mapping[str, str]

    def fill(self, command: tuple[str, ...], **values: str) -> list[str]:
        """A command with its program's full path, and with `$state` and the values filled in."""
        filled = [string.Template(word).substitute(values, state=str(self.state)) for word in command]
        return [str(self.folder / "bin" / filled[0]), *filled[1:]]


def open_environment(peer: Peer, cache: Path, *, renew: bool = False) -> Environment:
    """Make a peer's virtual environment unless it is there, and let the peer prepare its models.

    What has no version in the requirements is the newest release of the day on which the environment was made.

    Args:
        peer: whose.
        cache: the folder of all environments.
        renew: install everything again.

    Raises:
        BenchmarkError: pip or the peer's own command failed or took too long; the end of what it printed is quoted.
    """
    folder, state = cache / peer.name / "venv", cache / peer.name / "state"
    state.mkdir(parents=True, exist_ok=True)
    stamp = folder / "made-of.json"
    made_of = json.dumps([sys.version, *peer.requirements, *peer.newest])
    if renew or not stamp.is_file() or stamp.read_text(encoding="utf-8") != made_of:
        venv.create(folder, clear=True, with_pip=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run_program([*install, *peer.requirements], dict(os.environ), peer, _INSTALLED_WITHIN_S)
        if peer.newest:
            run_program([*install, "--no-deps", "--upgrade", *peer.newest], dict(os.environ), peer, _INSTALLED_WITHIN_S)
        stamp.write_text(made_of, encoding="utf-8")
    variables = _fill_variables(peer, folder, state)
    environment = Environment(folder, state, variables, _read_versions(peer, folder, variables))
    if peer.prepare:
        run_program(environment.fill(peer.prepare), variables, peer, _PREPARED_WITHIN_S)
    return environment


def _fill_variables(peer: Peer, folder: Path, state: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SCRUBBED)}
    values = {"state": str(state), "repository": str(REPOSITORY)}
    own = {name: string.Template(value).substitute(values) for name, value in peer.environment.items()}
    path = os.pathsep.join([str(folder / "bin"), kept.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "VIRTUAL_ENV": str(folder), **own}


def _read_versions(peer: Peer, folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    program = (
        "import importlib.metadata, json, sys;"
        "print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))"
    )
    printed = run_program([str(folder / "bin" / "python"), "-c", program, *peer.reported], variables, peer, 60)
    versions: dict[str, str] = json.loads(printed)
    return versions


def run_program(command: list[str], variables: Mapping[str, str], peer: Peer, timeout_s: float) -> str:
    """What a command of a peer printed on stdout.

    Raises:
        BenchmarkError: it failed or took too long.
    """
    try:
        done = subprocess.run(
            command,
            cwd=peer.folder,
            env=variables,
            timeout=timeout_s,
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{peer.name}: {' '.join(command)} took more than {timeout_s:g} s.") from error
    except (OSError, subprocess.CalledProcessError) as error:
        printed = getattr(error, "stderr", None) or str(error)
        raise BenchmarkError(f"{peer.name}: {' '.join(command)} failed:\n{printed[-_QUOTED_OF_OUTPUT:]}") from error
    return done.stdout
