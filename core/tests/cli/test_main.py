"""The command itself: help, versions, unknown commands, errors and exit codes."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import version

import pytest


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
    assert "there is no command 'x'. Commands are build, config, " in jubako("x").stderr


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


def best_of(runs, *arguments):
    def seconds():
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        return time.perf_counter() - started

    return min(seconds() for _ in range(runs))


def test_help_takes_less_than_eight_times_an_import_of_asyncio():
    assert best_of(3, "-m", "jubako", "--help") < 8 * best_of(3, "-c", "import asyncio")
