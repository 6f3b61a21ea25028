"""`jubako config`: a group of commands, one module each, imported when it is typed."""

from __future__ import annotations

import click

from jubako.cli._group import LazyCommand, LazyGroup

__all__ = ["command"]

_COMMANDS = {
    "show": LazyCommand("jubako.cli.config.show:command", "Show every setting, and where its value is from."),
}


@click.group("config", cls=LazyGroup, commands_by_name=_COMMANDS)
def command() -> None:
    """Look at the settings that are in force."""
