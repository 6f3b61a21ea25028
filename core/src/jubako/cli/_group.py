"""A click group whose commands are text references, and that shows Jubako's errors as one paragraph."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from typing import IO, Any

import attrs
import click

from jubako._references import load_reference
from jubako.errors import JubakoError


@attrs.frozen
class LazyCommand:
    """A command that is imported when it is typed.

    Args:
        reference: where the click command is, as "package.module:command".
        summary: one sentence for the list of commands, so that showing it imports none of them.
    """

    reference: str
    summary: str


class LazyGroup(click.Group):
    """A group of `LazyCommand`s.

    Args:
        commands_by_name: the commands.
        kwargs: what `click.Group` takes.
    """

    def __init__(self, *, commands_by_name: Mapping[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._commands_by_name = commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, sorted."""
        return sorted(self._commands_by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of this name."""
        if cmd_name not in self._commands_by_name:
            return None
        command: click.Command = load_reference(self._commands_by_name[cmd_name].reference)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._commands_by_name[name].summary) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed; an unknown one is answered with the nearest that exists."""
        typed = args[0]
        if not typed.startswith("-") and typed not in self._commands_by_name:
            near = difflib.get_close_matches(typed, self._commands_by_name, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Commands are {', '.join(self.list_commands(ctx))}."
            ctx.fail(f"there is no command {typed!r}.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except JubakoError as error:
            # Notes are where people read on, such as which file was being imported.
            raise _Failure("\n".join([str(error), *getattr(error, "__notes__", ())])) from error


class _Failure(click.ClickException):
    """An error of Jubako, shown as its own text."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Error: {self.message}", file=sys.stderr if file is None else file)
