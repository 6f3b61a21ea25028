"""Finding a Python of a version on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from jubako.errors import CommandError

_ASK = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"
_PATIENCE_S = 30


def find_python(version: str, environment: Mapping[str, str]) -> Path:
    """The interpreter of a version: this one if it is that, else one on PATH, of pyenv, or of uv.

    Nothing is downloaded.

    Args:
        version: such as `3.11`.
        environment: names to values, as in `os.environ`.

    Raises:
        CommandError: there is none; says where it was looked for, and how to get one.
    """
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    for candidate in _candidates(version, environment):
        # A command of pyenv is there for versions that are not chosen, too: only asking tells.
        if _is_python(candidate, version):
            return candidate
    raise CommandError(
        f"there is no Python {version}, which the Bento was built with.",
        why=f"Looked for python{version} on PATH, and among the versions of pyenv and uv.",
        do=f"install Python {version}, for instance with: uv python install {version}",
    )


def find_uv(environment: Mapping[str, str]) -> str | None:
    """The path of uv, on PATH or beside this interpreter; None if it is not there."""
    return shutil.which("uv", path=environment.get("PATH")) or shutil.which("uv", path=str(Path(sys.executable).parent))


def has_pip() -> bool:
    """True if this interpreter has pip, without what `PYTHONPATH` adds to it."""
    return bool(_output([sys.executable, "-I", "-m", "pip", "--version"]))


def _candidates(version: str, environment: Mapping[str, str]) -> Iterator[Path]:
    name = f"python{version}"
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        # Not the working directory, which an empty entry means.
        found = shutil.which(name, path=folder) if os.path.isabs(folder) else None  # noqa: PTH117
        if found:
            yield Path(found)
    home = environment.get("HOME", "")
    for root in dict.fromkeys(filter(None, (environment.get("PYENV_ROOT"), home and f"{home}/.pyenv"))):
        patched = [path for path in Path(root, "versions").glob(f"{version}.*") if (path / "bin" / name).is_file()]
        yield from (path / "bin" / name for path in sorted(patched, key=_by_number, reverse=True))
    uv = find_uv(environment)
    if uv is not None:
        found = _output([uv, "python", "find", "--managed-python", "--no-python-downloads", version])
        if found:
            yield Path(found)


def _by_number(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.name)]


def _is_python(path: Path, version: str) -> bool:
    return _output([str(path), "-I", "-c", _ASK]) == f"{version} {sys.implementation.name}"


def _output(command: list[str]) -> str:
    """What a command prints; nothing if it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
