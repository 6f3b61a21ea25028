"""`jubako plugins new`: what it writes works."""

from __future__ import annotations

import tomllib

import pytest

from jubako.cli._scaffold import KINDS


def write(jubako, folder, name="toy_runner", kind="runner"):
    done = jubako("plugins", "new", name, "--kind", kind, "--directory", str(folder))
    assert done.exit_code == 0, done.stderr
    return folder / name


def install(site, folder):
    """What pip does with a folder that hatchling builds: metadata, and the modules below src."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    modules = {
        str(path.relative_to(folder / "src")): path.read_text() for path in folder.glob("src/**/*") if path.is_file()
    }
    site.install(
        project["name"], version=project["version"], plugins=project["entry-points"]["jubako.v1"], modules=modules
    )


def test_a_new_plugin_has_the_layout_of_every_plugin(jubako, tmp_path):
    folder = write(jubako, tmp_path)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "pyproject.toml",
        "README.md",
        "changelog.d/README.md",
        "src/jubako_toy_runner/__init__.py",
        "src/jubako_toy_runner/plugin.py",
        "src/jubako_toy_runner/py.typed",
        "tests/test_contracts.py",
    } <= files
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "jubako-toy-runner"
    assert project["entry-points"] == {"jubako.v1": {"toy_runner": "jubako_toy_runner.plugin"}}
    assert not [path for path in folder.rglob("*") if path.is_file() and "$" in path.read_text() + path.name]


def test_the_contract_tests_of_new_plugins_of_every_kind_pass(jubako, site, tmp_path):
    kinds = {
        "toy_runner": "runner",
        "my_2nd_toy": "runner",
        "toy_2_extension": "extension",
        "toy_2_descriptor": "descriptor",
        "toy_2_command": "command",
    }
    assert set(kinds.values()) == set(KINDS)
    # In one run, so that they are seen to agree with each other too.
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    for name, kind in kinds.items():
        folder = write(jubako, tmp_path, name, kind)
        install(site, folder)
        (folder / "tests" / "test_contracts.py").rename(contracts / f"test_{name}.py")
    options = ("-q", "-rA", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio")
    done = site.run_python("-m", "pytest", *options, str(contracts))
    assert done.returncode == 0, done.stdout + done.stderr
    for name in kinds:
        assert f"/test_{name}.py::" in done.stdout, done.stdout


def test_a_new_plugin_says_how_to_install_and_test_it(jubako, tmp_path):
    done = jubako("plugins", "new", "toy_runner", "--directory", str(tmp_path))
    assert f"pip install -e '{tmp_path}/toy_runner[testing]'\n  pytest {tmp_path}/toy_runner/tests" in done.stdout


@pytest.mark.parametrize("name", ["Toy", "toy-runner", "2toy", "toy__runner", "toy_", "../toy", "tøy"])
def test_a_name_that_cannot_be_a_package_is_refused(jubako, tmp_path, name):
    done = jubako("plugins", "new", name, "--directory", str(tmp_path))
    assert done.exit_code == 1
    assert f"Error: a plugin cannot be named {name!r}.\nDo: write it like toy_runner" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("class_runner", "It would offer jubako.class, and 'class' is a keyword of Python."),
        ("import", "It would offer jubako.import, and 'import' is a keyword of Python."),
        ("sklearn_runner", "That is a plugin of Jubako's own."),
        ("s3_store", "That is a plugin of Jubako's own."),
        ("builtin", "That is a plugin of Jubako's own."),
        ("pytorch", "It would offer 'pytorch', as jubako-torch-runner does, and neither could be used."),
        ("models_runner", "It would offer jubako.models, which is something else already."),
        ("list", "It would offer jubako.list, which is something else already."),
        ("stores", "It would offer jubako.stores, which is something else already."),
    ],
)
def test_a_name_that_is_taken_or_cannot_be_imported_is_refused_with_the_reason(jubako, tmp_path, name, why):
    done = jubako("plugins", "new", name, "--directory", str(tmp_path))
    assert done.exit_code == 1
    assert done.stderr == f"Error: a plugin cannot be named {name!r}.\n{why}\nDo: take another name\n"
    assert list(tmp_path.iterdir()) == []


def test_a_command_of_the_core_is_not_offered_again(jubako, tmp_path):
    done = jubako("plugins", "new", "list_command", "--kind", "command", "--directory", str(tmp_path))
    assert done.exit_code == 1
    assert "It would offer the command 'list', which is the core's." in done.stderr


def test_a_word_that_is_a_keyword_only_in_places_is_a_name(jubako, tmp_path):
    write(jubako, tmp_path, "match_runner")


def test_nothing_that_exists_is_written_over(jubako, tmp_path):
    (tmp_path / "toy_runner").mkdir()
    done = jubako("plugins", "new", "toy_runner", "--directory", str(tmp_path))
    assert done.exit_code == 1
    assert "toy_runner exists." in done.stderr
    assert list((tmp_path / "toy_runner").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(jubako, tmp_path):
    (tmp_path / "file").write_text("")
    done = jubako("plugins", "new", "toy_runner", "--directory", str(tmp_path / "file" / "below"))
    assert done.exit_code == 1
    assert "cannot be written" in done.stderr


def test_a_kind_that_cannot_be_written_is_an_error_of_the_command_line(jubako):
    assert jubako("plugins", "new", "toy", "--kind", "store").exit_code == 2


def test_the_files_of_every_kind_are_as_ours_are(jubako, tmp_path):
    folder = write(jubako, tmp_path, "toy_extension", "extension")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if "$" in path.read_text() + path.name]
    assert {"pyproject.toml", "README.md", "plugin.py", "py.typed", "test_contracts.py"} <= {
        path.name for path in files
    }


def test_a_plugin_that_extends_applications_is_shown_as_that(jubako, site, tmp_path):
    install(site, write(jubako, tmp_path, "toy_extension", "extension"))
    assert "extends applications" in jubako("plugins").stdout
    assert "routes, middleware, observers" in jubako("plugins", "toy_extension").stdout
