"""Each distribution builds by itself, and what it builds installs and runs outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {"jubako": "core", "jubako_sklearn_runner": "plugins/sklearn_runner"}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program outside the repository, and show what it said if it fails."""
    # PYTHONPATH and the like would let the program see the repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUBAKO"))}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, Path]:
    """Sdist and wheel of each distribution; the wheel is built from the sdist, as an index's users would get it."""
    folder = tmp_path_factory.mktemp("built")
    for name in DISTRIBUTIONS.values():
        # Without isolation: the build backend is installed here, so that no index is asked.
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT / name, cwd=folder)
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("distribution", sorted(DISTRIBUTIONS))
def test_an_sdist_holds_sources_tests_and_licence_and_nothing_else_of_the_repository(built, distribution):
    (name,) = [name for name in built if name.startswith(f"{distribution}-") and name.endswith(".tar.gz")]
    with tarfile.open(built[name]) as archive:
        files = {member.partition("/")[2] for member in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", f"src/{distribution}/__init__.py"} <= files
    assert any(file.startswith("tests/") for file in files)
    assert not [file for file in files if "__pycache__" in file or file.startswith((".", "src/jubako/plugins/tests"))]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("distribution", sorted(DISTRIBUTIONS))
def test_a_wheel_holds_every_module_and_the_types_marker(built, distribution):
    (name,) = [name for name in built if name.startswith(f"{distribution}-") and name.endswith(".whl")]
    source = ROOT / DISTRIBUTIONS[distribution] / "src"
    expected = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    files = set(zipfile.ZipFile(built[name]).namelist())
    assert expected <= files
    assert f"{distribution}/py.typed" in files
    assert any(file.endswith("licenses/LICENSE") for file in files)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_wheels_run_outside_the_repository(built, tmp_path):
    environment = tmp_path / "environment"
    # What they depend on is borrowed from here; they themselves are found in the new environment first.
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    python = environment / "bin" / "python"
    (packages,) = environment.glob("lib/python*/site-packages")
    for name, path in built.items():
        if name.endswith(".whl"):
            zipfile.ZipFile(path).extractall(packages)
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    where = run(
        python, "-c", "import jubako, jubako_sklearn_runner as p; print(jubako.__file__, p.__file__)", cwd=tmp_path
    )
    assert all(Path(path).is_relative_to(packages) for path in where.split())
    listed = run(python, "-m", "jubako", "plugins", cwd=tmp_path)
    assert "sklearn_runner" in listed
    script = (
        "import jubako.sklearn as s, numpy as n\n"
        "from sklearn.linear_model import LinearRegression\n"
        "tag = s.save('line', LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0]))\n"
        "runner = s.load_runner(tag)\n"
        "print(runner.run_batch(n.array([[2.0]])))\n"
    )
    home = {"JUBAKO_HOME": str(tmp_path / "home")}
    answer = run("env", *(f"{key}={value}" for key, value in home.items()), python, "-c", script, cwd=tmp_path)
    assert answer.strip() == "[5.]"
