"""Programs written for the reference, with `import jubako as bentoml` for their import, served in every way."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.served import Served

PROGRAMS = Path(__file__).with_name("programs")
PLUGIN = "sklearn_runner"


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder that the test module names in PROGRAM, its models trained and saved."""
    folder = tmp_path_factory.mktemp("reference") / request.module.PROGRAM
    shutil.copytree(PROGRAMS / request.module.PROGRAM, folder)
    if (folder / "train.py").exists():
        run_script(folder, "train.py")
    return folder


@pytest.fixture(scope="module", params=["inline", "process"])
def client(request: pytest.FixtureRequest, program: Path) -> Iterator[httpx.Client]:
    """A client of the program, which is served with each backend in turn."""
    with serving(program, "--backend", request.param) as asking:
        yield asking


@pytest.fixture
def reloading_client(program: Path) -> Iterator[httpx.Client]:
    """A client of the program, which is served with `--reload`."""
    with serving(program, "--reload") as asking:
        yield asking


@contextlib.contextmanager
def serving(program: Path, *arguments: str) -> Iterator[httpx.Client]:
    """Serve a program; it has to stop in order afterwards."""
    served = Served(program, "service.py:svc", *arguments, JUBAKO_PLUGINS=PLUGIN)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{served.wait_until_ready()}", timeout=60) as asking:
            yield asking
        assert served.stop() == 0
    finally:
        served.close()


@pytest.fixture
def script(program: Path) -> Callable[[str], str]:
    """A function that runs Python code beside the service, without a server; returns what it prints."""
    return lambda code: run_script(program, "-c", code)


def run_script(folder: Path, *arguments: str) -> str:
    """Run a program of Python in a folder, with its home there."""
    environment = {**os.environ, "JUBAKO_HOME": str(folder / "home"), "JUBAKO_PLUGINS": PLUGIN}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
