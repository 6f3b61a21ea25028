"""A store of images for buildah, a Debian with Python in it, and an index of what the demo's Bento needs.

These tests need root, buildah, debootstrap, Debian's mirror and an index of packages, and take minutes, so they run
only where `JUBAKO_TEST_CONTAINERS` is set: `tox run -e containers`. No daemon and no registry is needed.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

RELEASE, PYTHON = "bookworm", (3, 11)
BASE = "localhost/debian-python:bookworm"
# A folder that debootstrap has filled before, to save its minute.
DEBIAN = os.environ.get("JUBAKO_TEST_DEBIAN", "")


@attrs.frozen
class Buildah:
    """buildah with a store of its own, without namespaces.

    Args:
        environment: in which it, and `jubako`, are run.
    """

    environment: Mapping[str, str]

    def __call__(self, *arguments: str) -> str:
        """Run it, and return what it writes to stdout."""
        done = subprocess.run(
            ["buildah", *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def config(self, image: str) -> dict[str, Any]:
        """What a container of an image is started with."""
        config: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))["OCIv1"]["config"]
        return config


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip all of these where something that they need is missing, with the reason."""
    reason = _missing()
    for item in items:
        if reason and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


def _missing() -> str:
    if "JUBAKO_TEST_CONTAINERS" not in os.environ:
        return "takes minutes and needs the network: tox run -e containers"
    for program in ("buildah", *(() if DEBIAN else ("debootstrap",))):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if os.geteuid() != 0:
        return "only root can build images without namespaces"
    return "" if sys.version_info[:2] == PYTHON else f"Debian {RELEASE} has Python {PYTHON[0]}.{PYTHON[1]}"


@pytest.fixture(scope="session")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    folder = tmp_path_factory.mktemp("images")
    config = folder / "storage.conf"
    config.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder / "graph"}"\nrunroot = "{folder / "run"}"\n')
    clean = {name: value for name, value in os.environ.items() if not name.startswith("JUBAKO_")}
    engine = Buildah({**clean, "CONTAINERS_STORAGE_CONF": str(config), "BUILDAH_ISOLATION": "chroot"})
    yield engine
    engine("rm", "--all")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def base(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image of Debian with Python and nothing else."""
    debian = Path(DEBIAN) if DEBIAN else tmp_path_factory.mktemp("debian") / "root"
    if not DEBIAN:
        packages = "--include=python3,python3-venv,ca-certificates"
        subprocess.run(["debootstrap", "--variant=minbase", packages, RELEASE, str(debian)], check=True, timeout=600)
    archive = tmp_path_factory.mktemp("base") / "base.tar"
    subprocess.run(["tar", "-C", str(debian), "-cf", str(archive), "."], check=True)
    container = buildah("from", "scratch")
    buildah("add", container, str(archive), "/")
    archive.unlink()
    buildah("commit", "--rm", container, BASE)
    return BASE


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Path]:
    """A folder of wheels, served on the loopback until the test ends; `pip.conf` beside it names no other place."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.server_address[1]
        (tmp_path / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = http://127.0.0.1:{port}/\n")
        yield folder
        server.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""
