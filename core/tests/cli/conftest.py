"""Running the command line in this process, and through the executable on a terminal."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from jubako.cli import main

EXECUTABLE = Path(sys.executable).with_name("jubako")


@pytest.fixture
def jubako(tmp_path, monkeypatch):
    """Return a function that runs `jubako` with arguments, in an empty home and with no terminal."""
    monkeypatch.setenv("JUBAKO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments, **environment):
        return CliRunner().invoke(main, arguments, prog_name="jubako", env=environment)

    return run


@pytest.fixture
def program():
    """The installed program."""
    return EXECUTABLE


@pytest.fixture
def environment(tmp_path):
    """The environment of a program: that of the tests, without what decides how it looks, and with an empty home."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("JUBAKO_")}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        clean.pop(name, None)
    return {**clean, "JUBAKO_HOME": str(tmp_path / "home")}


@pytest.fixture
def executable(environment):
    """Return a function that runs the installed program in a pipe, in an empty home, and returns what became of it."""

    def run(*arguments, **more):
        return subprocess.run(
            [EXECUTABLE, *arguments],
            check=False,
            env={**environment, "COLUMNS": "80", **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def terminal(environment):
    """Return a function that runs the installed program, or another, on a terminal of so many columns; its lines."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))

    def run(columns, *arguments, program=EXECUTABLE, **more):
        clean = {**environment, "TERM": "xterm", **more}
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        written = b""
        with (
            os.fdopen(ours, "rb", buffering=0) as screen,
            subprocess.Popen([program, *arguments], env=clean, stdin=theirs, stdout=theirs, stderr=theirs),
        ):
            os.close(theirs)
            with contextlib.suppress(OSError):  # how Linux says that nobody has the other end any more
                while part := screen.read(65536):
                    written += part
        return written.decode().replace("\r\n", "\n").splitlines()

    return run
