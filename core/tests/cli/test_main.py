"""The command itself: help, versions, unknown commands, errors and exit codes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

import jubako.models
from jubako.cli._failures import failure_of
from jubako.errors import CommandError
from jubako.settings import Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_every_command_and_the_exit_codes(jubako, option):
    done = jubako(option)
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {"build", "config", "models", "plugins", "serve"} <= {words[0] for words in lines if words}
    assert (
        "Exit codes: 0, done; 1, it could not be done, and stderr says why; 2, the command line is wrong; 130, Ctrl-C."
        in " ".join(done.stdout.split())
    )


@pytest.mark.parametrize("option", ["-v", "--version"])
def test_the_version_is_that_of_the_distribution(jubako, option):
    assert jubako(option).stdout == f"jubako {version('jubako')}\n"


def test_an_unknown_command_is_answered_with_the_nearest(jubako):
    done = jubako("srve")
    assert done.exit_code == 2
    assert "Error: there is no command 'srve'. Did you mean 'serve'?" in done.stderr


def test_an_unknown_command_that_is_near_to_none_is_answered_with_all(jubako):
    assert "there is no command 'x'. Commands are build, completion, config, " in jubako("x").stderr


def test_an_unknown_option_is_an_error_of_the_command_line(jubako):
    done = jubako("--verbos")
    assert done.exit_code == 2
    assert "--verbos" in done.stderr


def test_an_error_of_ours_is_one_paragraph_on_stderr_and_exit_code_1(jubako):
    done = jubako("plugins", JUBAKO_SERVER__PROT="1")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == (
        "Error: JUBAKO_SERVER__PROT cannot be used.\nserver: unknown key 'prot'. Did you mean 'port'?\n"
    )


@pytest.mark.parametrize("command", ["build", "config", "models", "plugins", "serve"])
def test_every_command_takes_help(jubako, command):
    done = jubako(command, "--help")
    assert done.exit_code == 0
    assert f"Usage: jubako {command}" in done.stdout


@pytest.mark.parametrize("command", ["build", "serve"])
def test_every_command_that_composes_can_be_strict(jubako, command):
    assert "--strict-plugins" in jubako(command, "--help").stdout


def test_it_runs_as_a_module(site):
    done = site.run_python("-m", "jubako", "--version")
    assert done.stdout == f"jubako {version('jubako')}\n"


def test_a_command_of_the_core_loads_no_plugin_and_no_other_command(site):
    site.install_plugin("loud_commands", "import sys\nsys.stderr.write('loaded\\n')")
    code = (
        "import sys\nfrom jubako.cli import main\nmain(['config', 'show', 'server.port'], standalone_mode=False)\n"
        "print(*sorted(sys.modules))"
    )
    done = site.run_python("-c", code, JUBAKO_PLUGINS="loud_commands")
    loaded = set(done.stdout.splitlines()[-1].split())
    assert done.stderr == ""
    assert {name for name in loaded if name.startswith("jubako.cli.") and "._" not in name} == {
        "jubako.cli.config",
        "jubako.cli.config.show",
    }
    assert not {"jubako.cli._plugin_commands", "numpy", "quart", "hypercorn"} & loaded


def test_errors_are_shown_with_their_causes_if_that_is_asked_for(jubako, tmp_path):
    file = tmp_path / "jubako.yaml"
    file.write_text("server: [")
    done = jubako("config", "show", "--config", str(file), "--verbose")
    assert done.exit_code == 1
    before, _, paragraph = done.stderr.rpartition("Error: ")
    assert before.startswith("Traceback (most recent call last):")
    assert str(file) in paragraph
    assert "Traceback" not in jubako("config", "show", "--config", str(file)).stderr


def test_a_bug_is_one_paragraph_that_says_so():
    try:
        {}["key"]
    except KeyError as error:
        failure = failure_of(error)
    assert failure.message == (
        "KeyError: 'key'\nThis is a bug in Jubako.\nDo: run it again with --verbose, and report the traceback"
    )


def test_output_that_nobody_reads_on_ends_it_quietly(program, environment):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [program, "config", "show", "--json"], env=environment, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 1


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_ctrl_c_ends_it_with_exit_code_130(site):
    site.install_plugin(
        "slow_commands",
        """
import jubako
from jubako.contracts.offers import CommandType

@jubako.hookimpl
def jubako_register_commands():
    yield CommandType(name="wait", summary="Wait.", command="jubako_slow_commands:command")

def __getattr__(name):
    if name != "command":
        raise AttributeError(name)
    import click, threading

    @click.command()
    def command():
        click.echo("waiting")
        threading.Event().wait(60)

    return command
""",
    )
    with site.start_python("-m", "jubako", "wait") as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=50)
    assert (process.returncode, errors) == (130, "\nStopped.\n")


def test_colours_are_for_terminals_and_not_with_no_color(terminal, executable):
    assert terminal(80, "plugins", "gone")[0] == "\x1b[31m\x1b[1mError:\x1b[0m there is no plugin 'gone'."
    assert terminal(80, "plugins", "gone", NO_COLOR="1")[0] == "Error: there is no plugin 'gone'."
    assert executable("plugins", "gone").stderr.startswith("Error: there is no plugin 'gone'.")


@pytest.fixture
def models(environment):
    """Models in the home of the programs, whose names and versions are as long as they may reasonably be."""
    settings = Settings(stores=StoreSettings(home=environment["JUBAKO_HOME"]))
    with using_workspace(open_workspace(settings)):
        for number in range(2):
            with jubako.models.create(f"a-model-with-a-name-of-some-length-{number}", module="a_framework"):
                pass


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("words", ["plugins", "config show", "env", "doctor", "models list"])
@pytest.mark.usefixtures("models")
def test_tables_fit_the_terminal(terminal, words, columns):
    lines = terminal(columns, *words.split(), NO_COLOR="1")
    assert len(lines) > 2
    assert max(map(len, lines)) <= columns


@pytest.mark.usefixtures("models")
def test_in_a_pipe_rows_are_whole_lines_without_colour(executable):
    done = executable("models", "list")
    _, *rows = done.stdout.splitlines()
    assert len(rows) == 2
    assert all("a-model-with-a-name-of-some-length-" in row and "a_framework" in row for row in rows)
    assert "\x1b" not in done.stdout
    assert executable("models", "list", "-q").stdout.split() == [row.split()[0] for row in rows]


@pytest.mark.usefixtures("models")
def test_no_trunc_keeps_rows_whole_on_a_narrow_terminal(terminal):
    assert max(map(len, terminal(40, "models", "list", "--no-trunc"))) > 40


def test_help_imports_less_than_four_times_as_many_modules_as_asyncio(site):
    def imported(code):
        return int(site.run_python("-c", f"{code}\nimport sys\nprint(len(sys.modules))").stdout.splitlines()[-1])

    shown = imported("from jubako.cli import main\nmain(['--help'], standalone_mode=False)")
    assert shown < 4 * imported("import asyncio")


def test_an_error_moves_no_cursor_whatever_it_quotes():
    stream = io.StringIO()
    failure_of(CommandError("pip said \x1b[2J.", why="One\n\u202etwo.")).show(stream)
    assert stream.getvalue() == "Error: pip said \\x1b[2J.\nOne\n\\u202etwo.\n"


@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-"])
def test_a_standard_stream_that_is_closed_stops_no_command(environment, program, stream):
    done = subprocess.run(
        ["sh", "-c", f'"$0" "$@" {stream}', program, "list"],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert "Error" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_below_stdout_is_no_bug_of_jubako(environment, program):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [program, "config", "show"],
            check=False,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    expected = "Error: the command was not finished.\nNo space left on device.\nDo: make room, and try again\n"
    assert done.stderr == expected
