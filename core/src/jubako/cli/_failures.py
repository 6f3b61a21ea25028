"""How a command that cannot be done ends: one paragraph on stderr, and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import IO, Any

import click

from jubako.cli._tables import printable_lines
from jubako.cli._verbosity import is_verbose
from jubako.errors import JubakoError
from jubako.stores.failures import describe_failure, find_disk_error

INTERRUPTED = 130
"""The exit code after Ctrl-C, as of a program that SIGINT has ended."""


class Failure(click.ClickException):
    """A command that could not be done.

    Args:
        text: what happened, why, and what to do.
        trace: the traceback, shown with `--verbose` before the text; empty for none.
    """

    exit_code = 1

    def __init__(self, text: str, trace: str = "") -> None:
        super().__init__(text)
        self.trace = trace

    def show(self, file: IO[Any] | None = None) -> None:
        """Write it to stderr."""
        stream = sys.stderr if file is None else file
        if self.trace:
            click.echo(printable_lines(self.trace), file=stream)
        # It may quote what others have written: files, engines, package indexes.
        click.echo(f"{coloured('Error:', 'red')} {printable_lines(self.message)}", file=stream)


class Interrupted(click.ClickException):
    """Ctrl-C was pressed."""

    exit_code = INTERRUPTED

    def __init__(self) -> None:
        super().__init__("stopped.")

    def show(self, file: IO[Any] | None = None) -> None:
        """Write it below the `^C` that the terminal has written."""
        click.echo("\nStopped.", file=sys.stderr if file is None else file)


def failure_of(error: Exception) -> Failure:
    """The failure of a command that raised."""
    trace = "".join(traceback.format_exception(error)).rstrip() if is_verbose() else ""
    if isinstance(error, JubakoError):
        # Notes are where people read on, such as which file was being imported.
        return Failure("\n".join([str(error), *getattr(error, "__notes__", ())]), trace)
    disk_error = find_disk_error(error) if isinstance(error, OSError) and error.errno is not None else None
    if disk_error is not None:
        return Failure(str(describe_failure("the command was not finished", disk_error)), trace)
    words = "".join(traceback.format_exception_only(error)).strip()
    plugins = _plugins_in(error)
    bug = "This is a bug in Jubako" + (f", or in {' or '.join(plugins)}, whose code was running." if plugins else ".")
    do = "report it with the traceback above" if trace else "run it again with --verbose, and report the traceback"
    return Failure(f"{words}\n{bug}\nDo: {do}", trace)


def coloured(text: str, colour: str) -> str:
    """The text with a colour, unless NO_COLOR is set; `click.echo` takes it away again where there is no terminal."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour, bold=True)


def _plugins_in(error: Exception) -> list[str]:
    """The plugins whose code was running when it was raised."""
    # Only a bug waits for the list of plugins.
    from jubako.plugins.discovery import discover

    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    modules = {str(frame.f_globals.get("__name__")).partition(".")[0] for frame in frames}
    return [
        f"the plugin {candidate}"
        for candidate in discover()
        if candidate.target.partition(":")[0].partition(".")[0] in modules
    ]
