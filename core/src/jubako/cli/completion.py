"""`jubako completion`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from jubako.cli._help import examples
from jubako.cli._shells import SHELLS, script_of
from jubako.cli._verbosity import verbosity_options
from jubako.errors import CommandError


@click.command(
    "completion",
    epilog=examples(
        "jubako completion bash",
        "echo 'eval \"$(jubako completion bash)\"' >> ~/.bashrc",
        "jubako completion fish > ~/.config/fish/completions/jubako.fish",
    ),
)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@verbosity_options
@click.pass_context
def command(context: click.Context, /, shell: str | None) -> None:
    """Write the script that makes SHELL complete commands, options, tags, plugins and settings.

    If SHELL is not given, it is that of the environment variable SHELL.
    """
    chosen = shell or Path(os.environ.get("SHELL", "")).name
    if chosen not in SHELLS:
        raise CommandError(
            f"there is no completion for the shell {chosen!r}."
            if chosen
            else "the environment does not say which shell.",
            do=f"name one of {', '.join(SHELLS)}, such as: jubako completion {SHELLS[0]}",
        )
    click.echo(script_of(chosen, context.find_root().command), nl=False)
