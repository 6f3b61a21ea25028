"""Reads the blocks of a Markdown page and runs them, in order, as a reader would.

A line of the form `<!-- key: value -->` right before a block says how it runs, and `<!-- needs: package -->` as the
first line of a page what all its blocks need; CONTRIBUTING.md lists the keys.
"""

from __future__ import annotations

import contextlib
import doctest
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]
INTERPRETER = Path(__file__).with_name("interpreter.py")
CURL = Path(__file__).with_name("curl.py")
PORT_IN_PAGES = 3000

SHELLS = ("bash", "sh", "shell", "console")
# Key -> languages of the blocks that it may stand before; empty means any.
KEYS = {
    "file": (),
    "not run": SHELLS,
    "prints": ("text",),
    "raises": ("python",),
    "serves": SHELLS,
}
_FENCE = re.compile(r"^(?P<indent>\s*)```(?P<language>\S*)\s*$")
_NEEDS = re.compile(r"<!-- needs: (\w+) -->")
_MARK = re.compile(r"^<!--\s*(?P<key>[a-z ]+?)(?::\s*(?P<value>.*?))?\s*-->$")


class PageError(Exception):
    """A page cannot be read, or a block does not do what the page says."""


@attrs.frozen
class Block:
    """One fenced block.

    Args:
        language: the word after the fence.
        text: what stands inside.
        line: where it begins.
        marks: what the comment before it says, by key.
    """

    language: str
    text: str
    line: int
    marks: dict[str, str]


def read_blocks(page: str) -> list[Block]:
    """All fenced blocks of a page, in order.

    Raises:
        PageError: a comment is none of the known ones, or stands before the wrong block; a fence is indented.
    """
    blocks: list[Block] = []
    marks: dict[str, str] = {}
    opened: tuple[int, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(page.splitlines(), 1):
        if number == 1 and _NEEDS.fullmatch(line):
            continue
        fence = _FENCE.match(line)
        if opened is None and fence:
            if fence["indent"]:
                raise PageError(f"line {number}: an indented block would not be run")
            opened, inside = (number, fence["language"]), []
        elif opened is not None and line == "```":
            _check_marks(marks, opened[1], opened[0])
            blocks.append(Block(opened[1], "\n".join(inside) + "\n", opened[0], marks))
            opened, marks = None, {}
        elif opened is not None:
            inside.append(line)
        elif mark := _MARK.match(line):
            if mark["key"] not in KEYS:
                raise PageError(f"line {number}: no such key: {mark['key']!r}")
            marks = {**marks, mark["key"]: mark["value"] or ""}
        elif line.strip() and marks:
            raise PageError(f"line {number}: {sorted(marks)} must stand right before a block")
    if opened is not None:
        raise PageError(f"line {opened[0]}: the block has no end")
    return blocks


def _check_marks(marks: dict[str, str], language: str, line: int) -> None:
    for key, value in marks.items():
        if KEYS[key] and language not in KEYS[key]:
            raise PageError(f"line {line}: {key!r} cannot stand before a block of {language or 'nothing'!r}")
        if key == "not run" and len(value.split()) < 3:
            raise PageError(f"line {line}: say why it is not run, in three words or more")


class PageRunner:
    """Runs the blocks of one page in a folder of its own, with a home and a port of its own.

    Args:
        folder: empty.
        has_curl: False if the machine has none.
    """

    def __init__(self, folder: Path, *, has_curl: bool) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JUBAKO_")}
        self.environment = {
            **kept,
            "JUBAKO_HOME": str(folder / "home"),
            "JUBAKO_SERVER__PORT": str(self.port),
            "PATH": os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), kept.get("PATH", "")]),
            # `pip install` in a page installs for this page only, with what is installed already, and asks no index.
            "PIP_TARGET": str(folder / "packages"),
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_UPGRADE": "1",
            "PYTHONPATH": str(folder / "packages"),
            "PYTHONUNBUFFERED": "1",
        }
        self.work = folder / "work"
        self.work.mkdir()
        # Before an interpreter starts, which would remember that it is not there.
        (folder / "packages").mkdir()
        (folder / "bin").mkdir()
        if not has_curl:
            stand_in = folder / "bin" / "curl"
            stand_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{CURL}" "$@"\n', encoding="utf-8")
            stand_in.chmod(0o755)
        self.printed = ""
        self.servers: list[subprocess.Popen[str]] = []
        self.interpreter: subprocess.Popen[str] | None = None

    def run_page(self, page: str) -> None:
        """Run all blocks of a page's text.

        Raises:
            PageError: as `run`, with the line of the block.
        """
        for block in read_blocks(page):
            try:
                self.run(block)
            except PageError as error:
                raise PageError(f"line {block.line}: {error}") from error

    def run(self, block: Block) -> None:
        """Run one block, or check what the block before it printed.

        Raises:
            PageError: it failed, or printed something else.
        """
        text = block.text.replace(f":{PORT_IN_PAGES}", f":{self.port}")
        if "file" in block.marks:
            path = self.work / block.marks["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if "not run" in block.marks:
            return
        if block.language == "python":
            self._run_python(text, block)
        elif block.language in SHELLS and "serves" in block.marks:
            self._serve(text, block.marks["serves"].replace(f":{PORT_IN_PAGES}", f":{self.port}"))
        elif block.language in SHELLS:
            self._run_shell(text)
        elif "prints" in block.marks:
            self._compare(text)

    def close(self) -> None:
        """End what the page started, as a reader would with Ctrl-C."""
        for server in self.servers:
            # One that has ended by itself has said why already.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGINT)
            server.wait(timeout=90)
        if self.interpreter is not None:
            # Closes its input, which ends it.
            self.interpreter.communicate(timeout=90)

    def _run_python(self, text: str, block: Block) -> None:
        if self.interpreter is None:
            self.interpreter = subprocess.Popen(
                [sys.executable, str(INTERPRETER)],
                cwd=self.work,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        name = block.marks.get("file", "")
        before, src, _ = name.rpartition("src/")
        request = {
            "code": text,
            "name": f"<line {block.line}>",
            "module": Path(name).stem if name else "",
            "sources": str(self.work / before / src) if src else "",
        }
        answer = _ask(self.interpreter, request)
        self.printed = answer["output"]
        expected = block.marks.get("raises", "")
        if answer["error"] != expected:
            raise PageError(f"expected {expected or 'no error'}, got:\n{answer['traceback'] or 'no error'}")

    def _run_shell(self, text: str) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        self.printed = done.stdout
        if done.returncode != 0:
            raise PageError(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")

    def _serve(self, text: str, url: str) -> None:
        log = self.folder / f"server-{len(self.servers)}.log"
        with log.open("w", encoding="utf-8") as said:
            server = subprocess.Popen(
                # `exec` leaves no shell between the signal and the server.
                ["bash", "-euo", "pipefail", "-c", f"exec {text.strip()}"],
                cwd=self.work,
                env=self.environment,
                stdout=said,
                stderr=said,
                text=True,
                start_new_session=True,
            )
        self.servers.append(server)
        _wait_for(url, server, log)

    def _compare(self, expected: str) -> None:
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        if not doctest.OutputChecker().check_output(expected, self.printed, flags):
            raise PageError(f"the page says that this is printed:\n{expected}\nand it was:\n{self.printed}")


def _ask(interpreter: subprocess.Popen[str], request: dict[str, str]) -> dict[str, str]:
    assert interpreter.stdin is not None
    assert interpreter.stdout is not None
    interpreter.stdin.write(json.dumps(request) + "\n")
    interpreter.stdin.flush()
    line = interpreter.stdout.readline()
    if not line:
        raise PageError("the interpreter ended")
    answer: dict[str, str] = json.loads(line)
    return answer


def _wait_for(url: str, server: subprocess.Popen[str], log: Path) -> None:
    """Wait until a server that is starting answers; there is no event to wait for in another program's start."""
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=60):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise PageError(f"{url} does not answer; the server said:\n{log.read_text(encoding='utf-8')}")


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[PageRunner]:
    """A runner for one page; what the page started is ended after the test."""
    page_runner = PageRunner(tmp_path, has_curl=shutil.which("curl") is not None)
    yield page_runner
    page_runner.close()


@pytest.fixture
def runner_without_curl(tmp_path: Path) -> Iterator[PageRunner]:
    """The same on a machine that has no curl."""
    page_runner = PageRunner(tmp_path, has_curl=False)
    yield page_runner
    page_runner.close()


@pytest.fixture
def blocks_of() -> Callable[[str], list[Block]]:
    """The function that reads the blocks of a page's text."""
    return read_blocks


@pytest.fixture
def page_error() -> type[Exception]:
    """What is raised for a page that is wrong."""
    return PageError
