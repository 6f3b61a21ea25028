"""The programs that ask an index for versions and hashes: `uv pip compile`, or pip-tools' `pip-compile`.

They get a list of arguments, never a line for a shell, and run in an empty folder, so that no configuration that lies
beside the sources is read. The user's own is: what it says of proxies, certificates and credentials holds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import attrs

from jubako._progress import tracking
from jubako.bentos.python_options import PythonOptions, is_url
from jubako.errors import BuildError

_TIMEOUT_S = 900
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")


@attrs.frozen
class LockTool:
    """A program that locks.

    Args:
        name: `uv` or `pip-compile`.
        command: how it is started.
    """

    name: str
    command: tuple[str, ...]


@attrs.frozen
class LockOrder:
    """What is to be locked.

    Args:
        requirements: one a line, without options.
        wheels: of what no index is asked for, with the extras that are wanted, as `name[extra] @ file:…`.
        preferred: `name==version`, which are taken where nothing speaks against them.
        options: where to look.
        context: the build context, below which the folders of `find_links` are.
        python_version: such as `3.11`.
    """

    requirements: Sequence[str]
    wheels: Sequence[str]
    preferred: Iterable[str]
    options: PythonOptions
    context: Path
    python_version: str


def find_lock_tool(path: str | None) -> LockTool | None:
    """The first of uv and pip-compile that this Python has, or that is on a search path; None if neither is."""
    for name, module in (("uv", ("uv",)), ("pip-compile", ("piptools", "compile"))):
        if find_spec(module[0]) is not None:
            return LockTool(name, (sys.executable, "-m", *module))
        program = shutil.which(name, path=path)
        if program:
            return LockTool(name, (program,))
    return None


def run_lock_tool(tool: LockTool, order: LockOrder) -> str:
    """Return what the tool writes: every distribution with its version and hashes, one after the other.

    Raises:
        BuildError: it fails; has the last words that it said.
    """
    own_version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if tool.name != "uv" and order.python_version != own_version:
        raise BuildError(
            f"{tool.name} cannot lock packages for Python {order.python_version}.",
            why=f"It knows only the Python that it runs with, {own_version}.",
            do="pip install uv, or leave out docker.python_version",
        )
    with tempfile.TemporaryDirectory(prefix="jubako-lock-") as folder:
        asked, locked = Path(folder, "requirements.in"), Path(folder, "requirements.txt")
        asked.write_text("\n".join([*order.requirements, *order.wheels, ""]), encoding="utf-8")
        # Both tools stay with the versions that they find in what they are to write.
        locked.write_text("\n".join([*order.preferred, ""]), encoding="utf-8")
        arguments = _UV_ARGUMENTS if tool.name == "uv" else _PIP_TOOLS_ARGUMENTS
        command = [*tool.command, *arguments, *_where_to_look(order, tool.name), "-o", locked.name, asked.name]
        if tool.name == "uv":
            command += ["--python-version", order.python_version, "--python", sys.executable]
        with tracking(f"locking with {tool.name}", None):
            _run(tool, command, folder)
        return locked.read_text("utf-8")


# Universal: for every machine that has this Python or a later one, so that a lock from a laptop does for an image.
_UV_ARGUMENTS = (
    *("pip", "compile", "--universal", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-progress"),
)
_PIP_TOOLS_ARGUMENTS = (
    *("--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--strip-extras", "--allow-unsafe"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host", "--no-emit-options"),
)


def _where_to_look(order: LockOrder, tool: str) -> list[str]:
    options = order.options
    arguments = ["--no-index"] if options.no_index else []
    if options.index_url:
        arguments += ["--index-url", options.index_url]
    for url in options.extra_index_url:
        arguments += ["--extra-index-url", url]
    for place in options.find_links:
        arguments += ["--find-links", place if is_url(place) else str(order.context / place)]
    for host in options.trusted_host:
        arguments += ["--allow-insecure-host" if tool == "uv" else "--trusted-host", host]
    if tool == "uv":
        spelled = {"--pre": ["--prerelease", "allow"], "--prefer-binary": []}
        return arguments + [part for argument in options.pip_args for part in spelled.get(argument, [argument])]
    if "--pre" in options.pip_args:
        arguments.append("--pre")
    rest = " ".join(argument for argument in options.pip_args if argument != "--pre")
    return [*arguments, f"--pip-args={rest}"] if rest else arguments


def _run(tool: LockTool, command: list[str], folder: str) -> None:
    # A virtual environment that is active beside this Python is none of the tool's business.
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{tool.name} cannot lock the packages.", why=f"{error}.", do=_REMEDY) from error
    if done.returncode != 0:
        words = _last_words((done.stderr or done.stdout).decode("utf-8", "replace"), folder)
        raise BuildError(f"{tool.name} cannot lock the packages.", why=f"It says: {words}", do=_REMEDY)


_REMEDY = "correct python.packages, or where to look for them; or leave it to the installation: lock_packages: false"


def _last_words(text: str, folder: str) -> str:
    lines = [line.strip(" ×╰─▶│·") for line in text.splitlines()]  # noqa: RUF001
    # Of a traceback only what it ends with.
    told = [line for line in lines if line.strip("^~ ") and not line.startswith('File "')]
    words = " ".join(told[-12:])
    return _CREDENTIALS.sub("", words.replace(folder, "…"))[-1200:] or "nothing."
