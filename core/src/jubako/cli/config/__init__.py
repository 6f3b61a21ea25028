"""`jubako config`: a group of commands, one module each, imported when it is typed."""

from __future__ import annotations

import click

from jubako.cli._group import OfferedGroup
from jubako.cli._help import examples

__all__ = ["command"]


@click.group(
    "config",
    cls=OfferedGroup,
    group="config",
    epilog=examples("jubako config show", "jubako config show server.port --json"),
)
def command() -> None:
    """Look at the settings that are in force."""
