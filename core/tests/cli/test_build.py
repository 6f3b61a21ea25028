from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

import jubako.bentos
from jubako.cli import main
from jubako.settings import Settings, StoreSettings
from jubako.workspace import open_workspace

SERVICE = """
import jubako
from jubako.io import JSON

svc = jubako.Service("toy")


@svc.api(input=JSON(), output=JSON())
def answer(value):
    return value
"""


@pytest.fixture
def context(tmp_path, monkeypatch):
    """A build context with one Service, `service:svc`; it is the working directory, and the stores are empty."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "service.py").write_text(SERVICE)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("JUBAKO_HOME", str(tmp_path / "home"))
    return folder


@pytest.fixture
def built(tmp_path):
    """A function that returns the newest Bento of a name."""

    def get(name="toy"):
        store = open_workspace(Settings(stores=StoreSettings(home=tmp_path / "home"))).bento_store
        return jubako.bentos.get(name, _bento_store=store)

    return get


def run(*arguments):
    result = CliRunner().invoke(main, ["build", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_a_bento_is_built_and_the_next_command_shown(context, built):
    result = run("--service", "service.py:svc", "--version", "v1", "--label", "a=b", "--label", "c=d=e")
    assert result.exit_code == 0, result.output
    assert "built toy:v1" in result.output
    assert "jubako serve toy:v1" in result.output
    assert built().info.labels == {"a": "b", "c": "d=e"}


def test_what_was_built_is_told_in_three_lines(context):
    lines = run("--service", "service:svc", "--version", "v1").stdout.splitlines()
    assert re.fullmatch(r"built toy:v1  \([0-9.]+ MB; [0-9]+ packages locked\)", lines[0])
    assert lines[1:] == ["with  no model", "Serve it:  jubako serve toy:v1"]


def test_the_answer_can_be_read_by_programs(context, built):
    (context / "service.py").write_text(f"print('a noisy import')\n{SERVICE}")
    facts = json.loads(run("--service", "service:svc", "--version", "v1", "--json").stdout)
    assert facts["tag"] == "toy:v1"
    assert facts["digest"] == built().info.digest
    assert facts["path"] == str(built().path)
    assert run("--service", "service:svc", "--version", "v2", "-o", "path").stdout == f"{built().path}\n"
    assert run("--service", "service:svc", "--version", "v3", "--quiet").stdout == "toy:v3\n"


def test_packages_are_typed_beside_those_of_the_bentofile(context, built):
    (context / "bentofile.yaml").write_text("service: service:svc\npython: {packages: [click], lock_packages: false}\n")
    assert run("--package", "attrs>=24").exit_code == 0
    assert built().info.build["python"]["packages"] == ["click", "attrs>=24"]


def test_warnings_of_a_build_are_one_line_on_stderr(context):
    text = "import warnings\nwarnings.warn('mind the gap')\n"
    (context / "service.py").write_text(f"{text}{SERVICE}")
    result = run("--service", "service:svc")
    assert "Warning: mind the gap\n" in result.stderr
    assert "mind" not in result.stdout


def test_another_folder_can_be_built(context, built, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("context", "--service", "service:svc", "--description", "# Mine").exit_code == 0
    assert built().doc == "# Mine"


def test_a_bentofile_in_the_folder_is_used(context, built):
    (context / "bentofile.yaml").write_text("service: service:svc\nlabels: {a: file, b: file}\nexclude: ['*.txt']\n")
    (context / "notes.txt").write_text("x")
    assert run("--label", "a=typed").exit_code == 0
    assert built().info.labels == {"a": "typed", "b": "file"}
    assert not (built().path / "src" / "notes.txt").exists()


def test_what_is_typed_goes_before_the_bentofile(context, built):
    (context / "other.yaml").write_text("service: nothing:svc\ninclude: ['*.md']\n")
    result = run("-f", "other.yaml", "--service", "service:svc", "--include", "*.py", "--include", "*.yaml")
    assert result.exit_code == 0, result.output
    assert [entry.path for entry in built().info.files if entry.path.startswith("src/")] == [
        "src/other.yaml",
        "src/service.py",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "jubako build --service"),
        (("--service", "absent:svc"), "absent"),
        (("--service", "service:svc", "--label", "a"), "--label key=value"),
        (("--service", "service:svc", "--model", "absent"), "absent"),
        (("--service", "service:svc", "-f", "absent.yaml"), "absent.yaml"),
    ],
)
def test_what_cannot_be_built_is_explained(context, arguments, words):
    result = run(*arguments)
    assert result.exit_code == 1
    assert words in result.output
    assert "Traceback" not in result.output


def test_a_folder_that_does_not_exist_is_a_wrong_command_line(context):
    assert run("nowhere", "--service", "service:svc").exit_code == 2
