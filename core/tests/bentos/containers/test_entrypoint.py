"""The entrypoint, run by a real `sh` with a `jubako` that says what it was called with."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jubako.bentos.containers.entrypoint import write_entrypoint
from jubako.errors import InvalidArgument

NASTY = (
    "a\nb",
    "'\n'; touch pwned; '",
    "$(touch pwned)\n`touch pwned`",
    '"\n\\\n',
    "\n<<EOF\nEOF\n",
    "\t",
    "\r\n",
    "\u2028é😀",
    "\\\n",
    "\n#",
)


@pytest.fixture
def run(tmp_path):
    """Return a function that runs an entrypoint, and returns what `jubako` was called with, and its environment."""
    fake = tmp_path / "bin" / "jubako"
    fake.parent.mkdir()
    fake.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "print(json.dumps([sys.argv[1:], dict(os.environ), os.getpid()], ensure_ascii=True))\n"
    )
    fake.chmod(0o755)

    def start(script, *arguments, **environment):
        path = tmp_path / "entrypoint.sh"
        path.write_text(script, encoding="utf-8")
        subprocess.run(["sh", "-n", str(path)], check=True)
        environment = {"PATH": f"{fake.parent}:/usr/bin:/bin", "PYTHONUTF8": "1", **environment}
        process = subprocess.Popen(
            ["sh", str(path), *arguments], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        said, _ = process.communicate(timeout=60)
        called, seen, pid = json.loads(said)
        assert pid == process.pid  # it has become the server, which so gets the signals
        return called, seen

    return start


def test_without_arguments_the_bento_is_served_to_the_network(run):
    called, seen = run(write_entrypoint({}))
    assert called == ["serve", "/opt/jubako/bento", "--host", "0.0.0.0"]
    assert "JUBAKO_SERVER__PORT" not in seen


def test_flags_are_those_of_serve(run):
    called, _ = run(write_entrypoint({}), "--workers", "2", "--trust", "a b; $(id)")
    assert called == ["serve", "/opt/jubako/bento", "--host", "0.0.0.0", "--workers", "2", "--trust", "a b; $(id)"]


def test_another_command_is_run_as_it_is(run):
    assert run(write_entrypoint({}), "jubako", "models", "list")[0] == ["models", "list"]


def test_the_variable_that_platforms_set_is_the_port(run):
    assert run(write_entrypoint({}), PORT="8080")[1]["JUBAKO_SERVER__PORT"] == "8080"
    assert "JUBAKO_SERVER__PORT" not in run(write_entrypoint({}), PORT="")[1]


@pytest.mark.parametrize("value", NASTY)
def test_a_value_that_no_line_can_hold_is_set_exactly(run, tmp_path, value):
    _, seen = run(write_entrypoint({"TEXT": value, "PLAIN": "$(touch pwned)"}))
    assert seen["TEXT"] == value
    assert "PLAIN" not in seen  # the Dockerfile has it
    assert not (tmp_path / "pwned").exists()


def test_a_container_that_is_started_with_another_value_keeps_it(run):
    assert run(write_entrypoint({"TEXT": "a\nb"}), TEXT="")[1]["TEXT"] == ""


@settings(max_examples=30)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=20))
def test_any_values_are_set_exactly(values):
    env = {f"V{index}": f"{value}\n" for index, value in enumerate(values)}
    script = write_entrypoint(env)
    printed = subprocess.run(
        [
            "/bin/sh",
            "-s",
            sys.executable,
            "-c",
            "import json, os; print(json.dumps(dict(os.environ)))",
        ],
        input=script,
        env={"PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    seen = json.loads(printed.stdout)
    assert {name: seen[name] for name in env} == env


def test_scripts_of_the_conda_environment_are_read_although_they_are_careless(run, tmp_path):
    folder = tmp_path / "etc/conda/activate.d"
    folder.mkdir(parents=True)
    (folder / "data.sh").write_text('export DATA="$UNSET/share"\n')
    script = write_entrypoint({}, has_conda=True)
    assert run(script, CONDA_PREFIX=str(tmp_path))[1]["DATA"] == "/share"
    assert run(script, CONDA_PREFIX="/nowhere")[0][0] == "serve"


def test_a_name_that_is_none_is_never_written():
    with pytest.raises(InvalidArgument, match=r"docker\.env cannot have the name"):
        write_entrypoint({"A\nid": "x\ny"})
