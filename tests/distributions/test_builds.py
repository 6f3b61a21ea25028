"""Each distribution builds by itself, and what it builds installs and runs outside the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {
    "jubako": "core",
    "jubako_sklearn_runner": "plugins/sklearn_runner",
    "jubako_torch_runner": "plugins/torch_runner",
}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program outside the repository, and show what it said if it fails."""
    # PYTHONPATH and the like would let the program see the repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUBAKO"))}
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
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


@pytest.mark.timeout(400)
@pytest.mark.parametrize("distribution", sorted(DISTRIBUTIONS))
def test_an_sdist_holds_sources_tests_and_licence_and_nothing_else_of_the_repository(built, distribution):
    (name,) = [name for name in built if name.startswith(f"{distribution}-") and name.endswith(".tar.gz")]
    with tarfile.open(built[name]) as archive:
        files = {member.partition("/")[2] for member in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", f"src/{distribution}/__init__.py"} <= files
    assert any(file.startswith("tests/") for file in files)
    # Hatchling reads .gitignore when it builds from the sdist, too.
    assert not [file for file in files if "__pycache__" in file or (file.startswith(".") and file != ".gitignore")]


@pytest.mark.timeout(400)
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


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """An environment with the wheels, and with whatever is installed here except our own packages and torch."""
    folder = tmp_path_factory.mktemp("installed")
    environment = folder / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=folder)
    (packages,) = environment.glob("lib/python*/site-packages")
    # What they depend on is borrowed from here, so that no index is asked; a .pth file does not make editable installs
    # of the borrowed folders importable.
    for site in (Path(path) for path in sys.path if path.endswith("site-packages")):
        borrowed = folder / f"borrowed-{len(list(folder.iterdir()))}"
        borrowed.mkdir()
        for path in site.iterdir():
            if not path.name.startswith(("torch", "functorch", "jubako", "__pycache__")) and path.suffix != ".pth":
                (borrowed / path.name).symlink_to(path)
        with (packages / "borrowed.pth").open("a", encoding="utf-8") as file:
            file.write(f"{borrowed}\n")
    wheels = [path for name, path in built.items() if name.endswith(".whl")]
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin" / "python"]
    run(*pip, "install", "--no-index", "--no-deps", "--ignore-installed", *wheels, cwd=folder)
    return environment


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_wheels_install_and_run_outside_the_repository(installed, tmp_path):
    python = installed / "bin" / "python"
    (packages,) = installed.glob("lib/python*/site-packages")
    script = f"import {', '.join(DISTRIBUTIONS)}; print(*(m.__file__ for m in ({', '.join(DISTRIBUTIONS)})))"
    assert all(Path(path).is_relative_to(packages) for path in run(python, "-c", script, cwd=tmp_path).split())
    assert "sklearn_runner" in run(installed / "bin" / "jubako", "plugins", cwd=tmp_path)
    script = (
        "import os, jubako\n"
        "os.environ['JUBAKO_HOME'] = os.path.abspath('home')\n"
        "from jubako.sklearn import save, load_runner\n"
        "from sklearn.linear_model import LinearRegression\n"
        "tag = save('line', LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0]))\n"
        "print(load_runner(tag).run_batch([[2.0]]))\n"
    )
    assert run(python, "-c", script, cwd=tmp_path).strip() == "[5.]"


@pytest.mark.timeout(400)
def test_without_torch_its_plugin_is_there_and_says_what_is_missing(installed, tmp_path):
    python = installed / "bin" / "python"
    said = run(installed / "bin" / "jubako", "plugins", "torch_runner", cwd=tmp_path)
    assert re.search(r"^status +ok$", said, re.MULTILINE)
    assert "not installed: torch; do: pip install torch" in said
    script = (
        "import jubako.torch\n"
        "from jubako.exceptions import MissingDependencyException\n"
        "try: jubako.torch.save\n"
        "except MissingDependencyException as error: print(error)\n"
    )
    what, why, do = run(python, "-c", script, cwd=tmp_path).splitlines()
    assert what == "runner type 'torch' cannot be used."
    assert why.startswith("It is offered by torch_runner (jubako-torch-runner 0.1.0), which needs the package 'torch';")
    assert do == "Do: pip install torch"


@pytest.mark.parametrize("folder", sorted(DISTRIBUTIONS.values()))
def test_every_distribution_carries_the_licence_of_the_repository(folder):
    assert (ROOT / folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
