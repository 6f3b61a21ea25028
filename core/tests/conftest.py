"""Fixtures for all tests of the core."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import attrs
import hypothesis
import pytest

from tests.harness.served import Served, heed_signals

# The same examples each time, and no failure because the machine is busy.
hypothesis.settings.register_profile(
    "jubako", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("jubako-few", hypothesis.settings.get_profile("jubako"), max_examples=25)
hypothesis.settings.load_profile("jubako")


def pytest_configure() -> None:
    """Start servers that heed SIGHUP, however the tests were started (`nohup pytest`)."""
    heed_signals()


@attrs.frozen
class Site:
    """A folder of installed distributions, on `sys.path` while a test runs.

    What is written is what an installer leaves behind, so that `importlib.metadata` and `import` find the real thing.
    """

    folder: Path

    def install(
        self,
        distribution: str,
        *,
        plugins: Mapping[str, str] | None = None,
        modules: Mapping[str, str] | None = None,
        version: str = "1.0",
    ) -> None:
        """Install a distribution: its entry points of group `jubako.v1`, and its modules by path."""
        metadata = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = {target}" for name, target in (plugins or {}).items()]
        (metadata / "entry_points.txt").write_text("\n".join(["[jubako.v1]", *lines, ""]))
        for name, text in (modules or {}).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (metadata / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        files = [*(modules or {}), *(f"{metadata.name}/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt"))]
        (metadata / "RECORD").write_text("".join(f"{name},,\n" for name in files))
        importlib.invalidate_caches()

    def install_plugin(self, name: str, text: str) -> None:
        """Install the distribution `jubako-<name>` whose one plugin `name` is the module `jubako_<name>`."""
        module = f"jubako_{name}"
        self.install(f"jubako-{name.replace('_', '-')}", plugins={name: module}, modules={f"{module}.py": text})

    def start_python(
        self, *arguments: str, inherited: Collection[int] = (), **environment: str
    ) -> subprocess.Popen[str]:
        """Start an interpreter of its own that sees the folder, and inherits some descriptors."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("JUBAKO_")}
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            pass_fds=inherited,
            env={**clean, "PYTHONPATH": str(self.folder), **environment},
        )

    def run_python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run an interpreter of its own that sees the folder, for at most 250 seconds."""
        with self.start_python(*arguments, **environment) as process:
            out, err = process.communicate(timeout=250)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture(scope="session")
def site_class() -> type[Site]:
    """The class, for folders that outlive a test."""
    return Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder of installed distributions, on `sys.path`; what was imported from it is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    yield Site(folder)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Return a function that starts `jubako serve` in a folder; it is ended after the test, whatever happens."""
    started: list[Served] = []

    def begin(folder: Path, *arguments: str, **environment: str) -> Served:
        started.append(Served(folder, *arguments, **environment))
        return started[-1]

    yield begin
    for served in started:
        served.close()
    for served in started:
        shutil.rmtree(served.temporary, ignore_errors=True)
