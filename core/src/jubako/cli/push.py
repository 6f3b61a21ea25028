"""`jubako push`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.bentos.archives import send
from jubako.cli._completion import complete_bentos
from jubako.cli._help import examples
from jubako.cli._moving import moved_output, replace_option, show_pushed
from jubako.cli._options import settings_options
from jubako.cli._progress import showing_progress
from jubako.cli._stores import opened_workspace


@click.command(
    "push",
    epilog=examples("jubako push iris_classifier file:///mnt/shared/jubako", "jubako push iris_classifier:1.0 ../home"),
)
@click.argument("tag", shell_complete=complete_bentos)
@click.argument("url")
@replace_option
@moved_output
@settings_options
def command(tag: str, url: str, force: bool, output: str, config: Path | None, strict_plugins: bool | None) -> None:
    """Copy the Bento TAG to the store at URL; a name alone is its latest version.

    URL may also be the path of another home of Jubako. Nothing is done if the same Bento is there already.
    """
    with opened_workspace(config, strict_plugins):
        with showing_progress():
            pushed = send(tag, url, force=force)
        show_pushed(pushed, url, output)
