"""Making an environment from a recipe, with uv or with venv and pip."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from jubako._progress import Advance, tracking
from jubako.errors import CommandError
from jubako.serving.environments.interpreters import find_python, find_uv, has_pip
from jubako.serving.environments.recipe import Recipe
from jubako.serving.system import die_with_parent

_LAST_LINES = 12
_LAST_BYTES = 64 * 1024
_LOOK_EVERY_S = 0.5
# Where packages are looked for is the user's choice; where they go, and what is importable meanwhile, is ours.
_NOT_HANDED_ON = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def make_environment(recipe: Recipe, folder: Path, environment: Mapping[str, str]) -> None:
    """Make the virtual environment of a recipe in `folder`, and see that it has Jubako; blocks, perhaps for minutes.

    SIGTERM ends it as an interrupt does. What is installed is what the recipe's lock pins, by its hashes if it has
    them.

    Args:
        recipe: of a Bento.
        folder: where nothing is.
        environment: names to values, as in `os.environ`; pip and uv take their own settings from it.

    Raises:
        CommandError: there is no such Python, or a step failed; with the last words of what failed.
    """
    python = find_python(recipe.python, environment)
    clean = clean_environment(environment)
    uv = find_uv(environment)
    with _interrupted_by_sigterm(), tracking(f"installing the packages of {recipe.tag}", None) as advance:
        for doing, command in _steps(recipe, python, folder, uv):
            exit_code, said = _run(command, recipe.folder, clean, _Growth(folder, advance))
            if exit_code:
                said = _CREDENTIALS.sub("***@", said)
                raise CommandError(
                    f"the environment of Bento {recipe.tag} cannot be made: {doing} failed (exit code {exit_code}).",
                    why=said or "It said nothing.",
                    do=_remedy(said),
                )


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables for programs that run in an environment of their own."""
    return {name: value for name, value in environment.items() if name not in _NOT_HANDED_ON}


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def _steps(recipe: Recipe, python: Path, folder: Path, uv: str | None) -> Iterator[tuple[str, list[str]]]:
    inner = str(python_of(folder))
    wanted = [*(["--require-hashes"] if recipe.has_hashes else []), "-r", recipe.requirements]
    if uv is not None:
        yield "uv venv", [uv, "venv", "--no-project", "--python", str(python), str(folder)]
        yield "uv pip install", [uv, "pip", "install", "--compile-bytecode", "--python", inner, *wanted]
    else:
        # The pip that is here takes a fraction of the time that installing another one would.
        is_here = has_pip()
        pip = [sys.executable, "-I", "-m", "pip", "--python", inner] if is_here else [inner, "-I", "-m", "pip"]
        without = ["--without-pip"] if is_here else []
        yield "python -m venv", [str(python), "-I", "-m", "venv", *without, str(folder)]
        yield "pip install", [*pip, "--no-input", "--disable-pip-version-check", "install", *wanted]
    yield "jubako --version", [inner, "-I", "-m", "jubako", "--version"]


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str], growth: _Growth) -> tuple[int, str]:
    """The exit code of a command, and its last words; it is killed if this is interrupted."""
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # One call of libc, and this process has no other threads yet.
            preexec_fn=die_with_parent,  # noqa: PLW1509
        ) as process,
    ):
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_EVERY_S)
                growth.tell()
        finally:
            process.kill()
        output.seek(max(0, output.tell() - _LAST_BYTES))
        lines = [line.rstrip() for line in output.read().decode("utf-8", "replace").splitlines() if line.strip()]
        return process.returncode, "\n".join(lines[-_LAST_LINES:])


class _Growth:
    """Tells how much larger a folder has become since it was last looked at."""

    def __init__(self, folder: Path, advance: Advance) -> None:
        self._folder = folder
        self._advance = advance
        self._size_bytes = 0

    def tell(self) -> None:
        size_bytes = folder_size(self._folder)
        self._advance(max(0, size_bytes - self._size_bytes))
        self._size_bytes = size_bytes


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder, as far as they can be seen; others may write to it meanwhile."""
    size_bytes = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size_bytes += Path(inner, name).lstat().st_size
    return size_bytes


def _remedy(said: str) -> str:
    if re.search(r"do not match the hash|hash mismatch|HashMismatch|THESE PACKAGES DO NOT MATCH", said, re.IGNORECASE):
        return "find out who changed that package; what the Bento was built with had another content"
    if "No module named jubako" in said:
        return "build the Bento again: its lock does not have Jubako itself"
    if re.search(r"No matching distribution|not found in the package registry|No solution found", said, re.IGNORECASE):
        return "see that the package index has what the lock names, for this platform; pip and uv each have settings"
    return "put right what it says, and serve again; nothing of this try is used"


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
