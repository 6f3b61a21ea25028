"""The page of the command line tells of every command, in the words of `jubako --help`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from jubako.builtin import jubako_register_commands
from jubako.cli import main
from jubako.contracts.offers import CommandType

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")


def paths(group, context, before=()):
    """What is typed for each command of the core, with the command."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        typed = (*before, name)
        yield " ".join(typed), command
        if isinstance(command, click.Group):
            yield from paths(command, click.Context(command, parent=context, info_name=name), typed)


EVERY = dict(paths(main, click.Context(main, info_name="jubako")))


def test_the_table_has_each_command_with_its_summary():
    rows = dict(re.findall(r"^\| `jubako ([\w -]+)` \| (.+) \|$", PAGE, re.MULTILINE))
    commands = [offer for offer in jubako_register_commands() if isinstance(offer, CommandType)]
    offered = {
        offer.name.replace(".", " "): offer.summary for offer in commands if offer.name not in ("config", "models")
    }
    assert {path: rows.get(path) for path in offered} == offered
    assert set(rows) <= set(EVERY), "commands that are not there"


def test_every_option_that_several_commands_share_is_told():
    counts = {}
    for command in EVERY.values():
        for option in command.params:
            for name in option.opts:
                counts[name] = counts.get(name, 0) + 1
    shared = {name for name, count in counts.items() if name.startswith("--") and count > 0.8 * len(EVERY)}
    assert {"--config", "--quiet", "--verbose"} <= shared
    assert [name for name in sorted(shared) if f"`{name}" not in PAGE] == []
