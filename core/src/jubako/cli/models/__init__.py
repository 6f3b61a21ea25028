"""`jubako models`: a group of commands, one module each, imported when it is typed."""

from __future__ import annotations

import click

from jubako.cli._group import LazyCommand, LazyGroup

__all__ = ["command"]

_COMMANDS = {
    "trust": LazyCommand("jubako.cli.models.trust:command", "Let a model load that can run code."),
}


@click.group("models", cls=LazyGroup, commands_by_name=_COMMANDS)
def command() -> None:
    """Look after the models of the store."""
