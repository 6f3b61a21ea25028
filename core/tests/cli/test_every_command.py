"""What is true of every command, whoever wrote it; walks the whole tree through the installed program."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import jubako.cli
from jubako.cli import main

SHARED = ["--config", "--strict-plugins", "--quiet", "--verbose"]
# These read no settings.
WITHOUT_SETTINGS = {"completion", "plugins new"}


def walk(group, context, path=()):
    """Paths of all commands of the core below a group, with the commands."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield " ".join([*path, name]), command
        if isinstance(command, click.Group):
            yield from walk(command, click.Context(command, parent=context, info_name=name), (*path, name))


EVERY = dict(walk(main, click.Context(main, info_name="jubako")))
LEAVES = {path: command for path, command in EVERY.items() if not isinstance(command, click.Group)}


def test_there_are_commands_of_groups_too():
    assert {"serve", "models", "models trust", "config show", "plugins new"} <= set(EVERY)


@pytest.mark.parametrize("path", EVERY)
def test_its_help_is_whole_and_fits_a_narrow_terminal(executable, path):
    done = executable(*path.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    usage, _, rest = done.stdout.partition("\n\n")
    assert usage.startswith(f"Usage: jubako {path}")
    assert not rest.lstrip().startswith(("Options:", "Examples:")), "its function has no docstring"
    assert max(map(len, done.stdout.splitlines())) <= 80, "a line is longer than 80 characters"
    if path in LEAVES:
        assert f"Examples:\n    jubako {path}" in done.stdout, (
            f'write @click.command(..., epilog=examples("jubako {path} ...")), of jubako.cli._help, and begin with '
            "the simplest call"
        )


@pytest.mark.parametrize("path", ["", *sorted(set(EVERY) - set(LEAVES))])
def test_a_group_has_examples_too(executable, path):
    help_text = executable(*path.split(), "--help").stdout
    assert f"Examples:\n    jubako {path}" in help_text
    assert max(map(len, help_text.splitlines())) <= 80


def test_lists_of_commands_are_not_cut(executable):
    """The list in the help of `plugins` is click's own, which shortens what is long."""
    listed = executable("plugins", "--help").stdout.partition("Commands:")[2].partition("Examples:")[0]
    assert "..." not in listed


@pytest.mark.parametrize("path", LEAVES)
def test_its_options_say_what_they_are_for_and_the_shared_ones_come_last(path):
    command = LEAVES[path]
    options = [option for option in command.params if isinstance(option, click.Option)]
    shown = [option for option in options if not option.hidden]
    silent = [option.opts[-1] for option in shown if not option.help]
    assert not silent, f"options without help: {silent}"
    unfinished = [option.opts[-1] for option in shown if not (option.help or "").endswith((".", ")"))]
    assert not unfinished, f"the help of these options does not end with a full stop: {unfinished}"
    shared = SHARED[2:] if path in WITHOUT_SETTINGS else SHARED
    names = [max(option.opts, key=len) for option in shown]
    assert names[-len(shared) :] == shared, (
        "settings_options (or verbosity_options, where no settings are read), of jubako.cli, is the last decorator "
        "above the function"
    )


def test_the_lists_of_commands_say_what_the_commands_say_of_themselves():
    """A sentence in each list, in the imperative as the first one of the command's help."""
    for path, command in EVERY.items():
        summary = command.get_short_help_str(limit=200)
        assert re.match(r"[A-Z].*", summary), f"{path}: {summary!r}"


def test_every_module_of_a_command_is_offered():
    """A command that nobody registered cannot be typed."""
    root = Path(jubako.cli.__file__).parent
    modules = {
        " ".join(path.relative_to(root).with_suffix("").parts).removesuffix("_")
        for path in root.rglob("*.py")
        if not path.name.startswith("_") and "@click.command(" in path.read_text(encoding="utf-8")
    }
    assert modules <= set(EVERY), "add a line to jubako.builtin"
