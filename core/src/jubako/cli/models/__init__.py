"""`jubako models`: a group of commands, one module each, imported when it is typed."""

from __future__ import annotations

import click

from jubako.cli._group import OfferedGroup
from jubako.cli._help import examples

__all__ = ["command"]


@click.group(
    "models",
    cls=OfferedGroup,
    group="models",
    epilog=examples("jubako models list", "jubako models get iris:latest", "jubako models export iris --format zip"),
)
def command() -> None:
    """Look after the models of the store."""
