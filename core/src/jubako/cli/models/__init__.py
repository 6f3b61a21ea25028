"""`jubako models`: a group of commands, one module each, imported when it is typed."""

from __future__ import annotations

import click

from jubako.cli._group import OfferedGroup

__all__ = ["command"]


@click.group("models", cls=OfferedGroup, group="models")
def command() -> None:
    """Look after the models of the store."""
