"""Images built by a real engine from the demo's Bento, and started: they answer as the framework does."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jubako.bentos.containers.dockerfile import fits_line, write_env

_logger = logging.getLogger(__name__)

IRIS = Path(__file__).parents[2] / "examples" / "iris"
READY_WITHIN_S = 120.0
NASTY = {
    "DOLLAR": "$(touch /pwned) ${HOME} $HOME `touch /pwned`",
    "QUOTES": "\"'\\\" \\' \\\\ \\",
    "HEREDOC": "<<EOF",
    "FLAGS": "--platform=linux/arm64 x AS y",
    "COMMENT": "# escape=`",
    "UNICODE": "é \u3000 漢字 😀",
    "BLANKS": "  both ends  ",
    "EMPTY": "",
    "LINES": "one\nRUN touch /pwned\n'$(touch /pwned)'\n",
}
BENTOFILE = """\
service: service:svc
include: [service.py]
python: {{lock_packages: true}}
docker:
  base_image: {base}
  system_packages: [hello]
  setup_script: setup.sh
  env: {env}
"""
# In a process of its own: a model is saved in the home of the process.
TRAIN = """\
import json
from train import train_and_save
import jubako.sklearn
from sklearn.datasets import load_iris
rows = load_iris().data
kinds = jubako.sklearn.load(train_and_save()).predict(rows)
print(json.dumps([rows.tolist(), kinds.tolist()]))
"""
SETUP = "#!/bin/sh\nset -e\nhello > /said\nid -u >> /said\n"

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def jubako(tmp_path, buildah):
    """Return a function that runs `jubako` with a home of its own, and returns what it answers and says."""

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "jubako", *arguments],
            env={**buildah.environment, "JUBAKO_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


@pytest.fixture
def bento(tmp_path, jubako, base):
    """The demo's Bento, with values in each field that have broken out elsewhere; and what its model answers."""
    context = tmp_path / "context"
    shutil.copytree(IRIS, context, ignore=shutil.ignore_patterns("__pycache__"))
    (context / "setup.sh").write_text(SETUP)
    (context / "bentofile.yaml").write_text(BENTOFILE.format(base=base, env=json.dumps(NASTY, ensure_ascii=False)))
    trained = subprocess.run(
        [sys.executable, "-c", TRAIN],
        cwd=context,
        env={**os.environ, "JUBAKO_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    jubako("build", str(context))
    path = Path(jubako("get", "iris-classifier", "-o", "path")[0].strip())
    return path, *json.loads(trained.stdout)


def test_the_image_of_the_demo_answers_as_the_framework_does(tmp_path, jubako, buildah, bento, index):
    path, rows, kinds = bento
    _download(path, index)
    begin = time.monotonic()
    built, said = jubako(
        *("containerize", "iris-classifier", "-t", "localhost/iris:1", "--engine", "buildah", "--no-cache"),
        *("--pip-config", str(tmp_path / "pip.conf"), "--build-arg", "MIRROR=x y", "--label", "team=a b"),
    )
    _logger.info("built in %.1f s", time.monotonic() - begin)
    assert built == "built localhost/iris:1\n"
    assert "STEP 1/" in said

    config = buildah.config("localhost/iris:1")
    assert config["User"] == "1034:1034"
    assert [port.partition("/")[0] for port in config["ExposedPorts"]] == ["3000"]
    assert config["Labels"]["team"] == "a b"
    assert config["Labels"]["org.opencontainers.image.title"] == "iris-classifier"
    container = buildah("from", "--pull-never", "localhost/iris:1")
    with _mounted(buildah, container) as root:
        assert not (root / "pwned").exists()
        assert (root / "said").read_text() == "Hello, world!\n0\n"
        assert not (root / "opt/jubako/env/pip.conf").exists()  # the secret is in no layer
        owned = {file.lstat().st_uid for file in (root / "opt/jubako/bento").rglob("*")}
        assert owned == {0}

    entry = [*config["Entrypoint"], "/opt/jubako/env/bin/python", "-c"]
    seen = json.loads(buildah("run", container, "--", *entry, "import json, os; print(json.dumps(dict(os.environ)))"))
    assert {name: seen[name] for name in NASTY} == NASTY

    with _running(buildah, container, config) as (port, process):
        begin = time.monotonic()
        answers = [_classify(port, row) for row in rows]
        _logger.info("%d rows in %.2f s, one by one", len(answers), time.monotonic() - begin)
        assert answers == kinds
        server = _server_of(process.pid)
        assert _uid_of(server) == 1034
        os.kill(server, signal.SIGTERM)
        assert process.wait(120) == 0


def test_values_of_a_thousand_variables_are_what_the_engine_reads(tmp_path, buildah):
    chance = random.Random(6)
    telling = "$`\"'\\ #<>={}()[]&|;!~*?%^,:@-+ \u00a0\u200b\u3000é漢😀ABCxyz0189"
    env = {f"V{n}": "".join(chance.choices(telling, k=chance.randrange(40))) for n in range(1000)}
    assert all(map(fits_line, env.values()))
    (tmp_path / "Dockerfile").write_text("FROM scratch\n" + "".join(f"{line}\n" for line in write_env(env)))
    buildah("build", "--file", str(tmp_path / "Dockerfile"), "--tag", "localhost/values:1", str(tmp_path))
    read = dict(entry.split("=", 1) for entry in buildah.config("localhost/values:1")["Env"])
    assert {name: read[name] for name in env} == env


def _download(bento: Path, folder: Path) -> None:
    """Fetch what the lock names to a folder, as it is told to on this machine."""
    lock = (bento / "env/python/requirements.lock.txt").read_text()
    wanted = re.sub(r"^\./wheels/.*(\n\s+--hash.*)*\n", "", lock, flags=re.MULTILINE)
    (folder.parent / "wanted.txt").write_text(wanted)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
    subprocess.run([*command, "-r", str(folder.parent / "wanted.txt")], check=True, timeout=600)


@contextlib.contextmanager
def _mounted(buildah, container: str) -> Iterator[Path]:
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("umount", container)


@contextlib.contextmanager
def _running(buildah, container: str, config) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start a container as an engine would, on the network of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["buildah", "run", "--env", f"PORT={port}", container, "--", *config["Entrypoint"], *config["Cmd"]]
    with subprocess.Popen(command, env=buildah.environment) as process:
        try:
            begin = time.monotonic()
            while not _is_ready(port):
                assert process.poll() is None
                assert time.monotonic() - begin < READY_WITHIN_S
                time.sleep(0.1)
            _logger.info("ready in %.1f s", time.monotonic() - begin)
            yield port, process
        finally:
            process.terminate()


def _is_ready(port: int) -> bool:
    with (
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection,
        contextlib.suppress(OSError, http.client.HTTPException),
    ):
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        answer.read()
        return answer.status == http.client.OK
    return False


def _classify(port: int, row: list[float]) -> object:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", "/classify", json.dumps(row), {"content-type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
    assert answer.status == http.client.OK, body
    return json.loads(body)


def _server_of(pid: int) -> int:
    """The process below `pid` that the entrypoint has become; 0 if there is none."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if words[0] == b"/opt/jubako/env/bin/python":
        return pid
    # Any thread of a program in Go may have started it.
    lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return max((_server_of(int(child)) for children in lists for child in children), default=0)


def _uid_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid
