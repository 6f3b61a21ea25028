"""Asking before something is gone for good."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])

_MOST_SHOWN = 20


def yes_option(function: _Function) -> _Function:
    """Give a command `-y/--yes`, as the argument `yes` of `confirm`."""
    return click.option("-y", "--yes", "--assume-yes", "yes", is_flag=True, help="Do not ask.")(function)


def confirm(what: str, things: Sequence[str], *, yes: bool) -> None:
    """Show what will go, and ask; return if it may.

    Args:
        what: a question such as `Delete 2 models?`.
        things: what will go, one line each; of many, the first are shown.
        yes: the argument of `yes_option`: nothing is asked.

    Raises:
        UsageError: nobody can be asked, because stdin is no terminal; the exit code is 2.
        Abort: the answer is no; the exit code is 1.
    """
    if yes:
        return
    lines = [f"  {thing}" for thing in things[:_MOST_SHOWN]]
    if len(things) > _MOST_SHOWN:
        lines.append(f"  and {len(things) - _MOST_SHOWN} more")
    click.echo("\n".join(lines), err=True)
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(f"{what} Nobody can be asked, as stdin is no terminal. Nothing was done; give --yes.")
    click.confirm(what, abort=True, err=True)
