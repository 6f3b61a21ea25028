"""Completion as shells see it, in real ones."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

pty = pytest.importorskip("pty")

ASK = """
PATH=$1:$PATH
shift
source <(jubako completion bash)
for COMP_LINE in "$@"; do
    COMP_POINT=${#COMP_LINE}
    _jubako_completion jubako
    echo "${COMPREPLY[@]}"
done
"""


@pytest.fixture
def home(tmp_path):
    """A home with folders of models and of a Bento; nothing in them, as only names are read."""
    for folder in ("models/iris/1", "models/iris/2", "bentos/flowers/7"):
        (tmp_path / "home" / folder).mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def bash(program, environment, home):
    """Return a function that asks bash how it completes lines, each up to its end; the words of each line."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")

    def complete(*lines, **more):
        done = subprocess.run(
            ["bash", "--norc", "-c", ASK, "bash", program.parent, *lines],
            check=True,
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return [line.split() for line in done.stdout.splitlines()]

    return complete


def test_bash_completes_commands_options_tags_plugins_and_settings(bash, site):
    site.install_plugin("toy_runner", "")
    expected = {
        "jubako mod": {"models"},
        "jubako models tru": {"trust"},
        "jubako models get ir": {"iris", "iris:1", "iris:2"},
        "jubako serve --back": {"--backlog", "--backend"},
        "jubako list --output=j": {"json"},
        "jubako plugins to": {"toy_runner"},
        "jubako config show server.cors.e": {"server.cors.enabled"},
        # What stands before a colon, bash has already.
        "jubako models get iris:": {"1", "2", "latest"},
        "jubako get flowers:7": {"7"},
    }
    for line, words in zip(expected, bash(*expected, PYTHONPATH=str(site.folder)), strict=True):
        assert expected[line] <= set(words), line


def test_commands_of_plugins_are_completed_too(bash, site):
    site.install_plugin("toy_commands", TOY_COMMANDS)
    assert bash("jubako frob", PYTHONPATH=str(site.folder)) == [["frobnicate"]]


def test_settings_that_are_wrong_spoil_nobodys_line(bash):
    commands, tags = bash("jubako ", "jubako models get ", JUBAKO_SERVER__PORT="none")
    assert "models" in commands
    assert tags == []


TOY_COMMANDS = """
import jubako
from jubako.contracts.offers import CommandType

@jubako.hookimpl
def jubako_register_commands():
    yield CommandType(name="frobnicate", summary="Frobnicate.", command="nowhere:command")
"""


def test_a_tag_is_completed_while_it_is_typed(program, environment, home):
    """In an interactive shell, where readline has its say: the rest of a word stands behind a colon."""
    (home / "models" / "iris" / "2").rmdir()
    (home / "models" / "iris" / "1").rename(home / "models" / "iris" / "20261123")
    ours, theirs = pty.openpty()
    script = f"PATH={program.parent}:$PATH; PS1=; source <(jubako completion bash); echo rea''dy\n"
    with (
        os.fdopen(ours, "r+b", buffering=0) as screen,
        subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            env={**environment, "TERM": "dumb", "PYTHONPATH": ""},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ) as shell,
    ):
        os.close(theirs)
        screen.write(script.encode())
        read_until(screen, b"ready")
        # Ctrl-A and a command before it: the line that came of it is written, not run.
        screen.write(b"jubako models get iris:2\t\x01echo done: \r")
        shown = read_until(screen, b"done: jubako models get iris:20261123")
        screen.write(b"exit\n")
        shell.wait(timeout=30)
    assert shown


def read_until(screen, words):
    """Read what is on the screen until the words stand there, below the line on which they were typed."""
    written = b""
    while words not in written:
        written += screen.read(4096)
    return written


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_their_scripts(executable, shell):
    done = executable("completion", shell)
    assert done.returncode == 0
    assert done.stdout.startswith(f"# Completion of jubako. To have it in every {shell}, write into ")
    assert "_JUBAKO_COMPLETE" in done.stdout


def test_without_a_name_the_shell_is_that_of_the_environment(jubako):
    assert "in every fish" in jubako("completion", SHELL="/usr/bin/fish").stdout
    done = jubako("completion", SHELL="/bin/tcsh")
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: there is no completion for the shell 'tcsh'.\n"
        "Do: name one of bash, zsh, fish, such as: jubako completion bash\n"
    )
