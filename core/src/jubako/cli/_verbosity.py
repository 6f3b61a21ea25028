"""`--quiet` and `--verbose`: how much a command says beside its answer.

The answer goes to stdout; everything else is told on stderr, or with `--quiet` not at all. Errors are always told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import click

from jubako.cli._tables import printable_lines

_Function = TypeVar("_Function", bound=Callable[..., Any])

_QUIET = "jubako.quiet"
_VERBOSE = "jubako.verbose"


def verbosity_options(function: _Function) -> _Function:
    """Give a command `-q/--quiet` and `--verbose`, which its function does not see; ask `is_quiet`."""
    return _quiet_option(_verbose_option(function))


def is_quiet() -> bool:
    """True if the command that runs was given `--quiet`."""
    return _is_set(_QUIET)


def is_verbose() -> bool:
    """True if the command that runs was given `--verbose`."""
    return _is_set(_VERBOSE)


def tell(text: str) -> None:
    """Write to stderr what is good to know and no part of the answer; nothing with `--quiet`."""
    if not is_quiet():
        click.echo(printable_lines(text), err=True)


def _is_set(key: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(key))


def _be_quiet(context: click.Context, _: click.Parameter, is_given: bool) -> None:
    _set(_QUIET, context, is_given)


def _be_verbose(context: click.Context, _: click.Parameter, is_given: bool) -> None:
    _set(_VERBOSE, context, is_given)
    if not is_given:
        return
    root, ours = logging.getLogger(), logging.getLogger("jubako")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.DEBUG)

    def undo() -> None:
        root.removeHandler(handler)
        ours.setLevel(level)

    context.call_on_close(undo)


def _set(key: str, context: click.Context, is_given: bool) -> None:
    if is_given:
        context.meta[key] = True
    if context.meta.get(_QUIET) and context.meta.get(_VERBOSE):
        raise click.UsageError("--quiet and --verbose contradict each other; leave one out.", context)


_quiet_option = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_be_quiet,
    help="Write the answer and errors only; of lists, the names alone.",
)
_verbose_option = click.option(
    "--verbose",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_be_verbose,
    help="Say what is done on the way, and show where errors come from.",
)
