"""The command `jubako`: one module a command, imported when the command is typed.

Exit codes: 0, done; 1, it could not be done, and stderr says why; 2, the command line is wrong.
"""

from __future__ import annotations

import click

from jubako._version import __version__
from jubako.cli._group import LazyCommand, LazyGroup

__all__ = ["main"]

_COMMANDS = {
    "build": LazyCommand("jubako.cli.build:command", "Build a Bento from a service and its models."),
    "config": LazyCommand("jubako.cli.config:command", "Look at the settings that are in force."),
    "models": LazyCommand("jubako.cli.models:command", "Look after the models of the store."),
    "plugins": LazyCommand("jubako.cli.plugins:command", "Show installed plugins, or write a new one."),
    "serve": LazyCommand("jubako.cli.serve:command", "Serve a service over HTTP."),
}


@click.group(
    cls=LazyGroup,
    commands_by_name=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0, done; 1, it could not be done, and stderr says why; 2, the command line is wrong.",
)
@click.version_option(__version__, "-v", "--version", message="jubako %(version)s")
def main() -> None:
    """Turn trained models into web services."""
