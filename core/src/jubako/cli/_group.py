"""A click group whose commands are offers: the core's own at once, those of plugins when they are needed."""

from __future__ import annotations

import difflib
import errno
import os
from typing import Any

import click
from click.shell_completion import CompletionItem

from jubako._references import load_reference
from jubako.builtin import jubako_register_commands
from jubako.cli._failures import Interrupted, failure_of
from jubako.contracts.offers import CommandType

COMPLETE = "_JUBAKO_COMPLETE"
"""The environment variable by which click knows that a shell asks."""


class OfferedGroup(click.Group):
    """A group of the commands that the core and plugins offer; a command is imported when it is typed.

    Nothing of a plugin is loaded for a command of the core.

    Args:
        group: the group's name in offers, such as `models` of `models.trust`; empty for the root.
        kwargs: what `click.Group` takes.
    """

    def __init__(self, *, group: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._prefix = f"{group}." if group else ""
        self._own = self._by_name(offer for offer in jubako_register_commands() if isinstance(offer, CommandType))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run it as a program; see `click.Command.main`."""
        if COMPLETE in os.environ:
            load_reference("jubako.cli._shells:prepare_answer")()
        return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The core's names, sorted."""
        return sorted(self._own)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if nobody offers it.

        Raises:
            JubakoError: it is of a plugin, and cannot be used.
        """
        if cmd_name in self._own:
            own: click.Command = load_reference(self._own[cmd_name].command)
            return own
        found: click.Command | None = load_reference("jubako.cli._plugin_commands:find_command")(
            ctx, self._prefix + cmd_name
        )
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        for heading, offers in (("Commands", self._own), ("Commands of plugins", self._of_plugins(ctx))):
            if offers:
                with formatter.section(heading):
                    formatter.write_dl([(name, offer.summary) for name, offer in sorted(offers.items())])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands with their summaries, without importing them, and the group's options."""
        offers = {**self._own, **self._of_plugins(ctx)}
        found = [
            CompletionItem(name, help=offer.summary)
            for name, offer in sorted(offers.items())
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed; an unknown one is answered with the nearest that exists."""
        typed = args[0]
        command = None if typed.startswith("-") else self.get_command(ctx, typed)
        if command is not None:
            return typed, command, args[1:]
        if ctx.resilient_parsing or typed.startswith("-"):
            return super().resolve_command(ctx, args)
        names = sorted({*self._own, *self._of_plugins(ctx)})
        near = difflib.get_close_matches(typed, names, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Commands are {', '.join(names)}."
        idle = load_reference("jubako.cli._plugin_commands:idle_plugins")(ctx)
        missed = f" Plugins that were not loaded: {', '.join(idle)}." if idle and not near else ""
        raise click.UsageError(f"there is no command {typed!r}. {hint}{missed}", ctx)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was typed; what it raises ends it with one paragraph."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            raise Interrupted from None
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # whoever read stdout has seen enough; click ends quietly
            raise failure_of(error) from error

    def _of_plugins(self, context: click.Context) -> dict[str, CommandType]:
        return self._by_name(load_reference("jubako.cli._plugin_commands:list_commands")(context))

    def _by_name(self, offers: Any) -> dict[str, CommandType]:
        """Offers of this group, by what is typed."""
        named = {
            offer.name.removeprefix(self._prefix): offer for offer in offers if offer.name.startswith(self._prefix)
        }
        return {name: offer for name, offer in named.items() if "." not in name}
