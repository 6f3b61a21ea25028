"""`jubako models push`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.cli._completion import complete_models
from jubako.cli._help import examples
from jubako.cli._moving import moved_output, replace_option, show_pushed
from jubako.cli._options import settings_options
from jubako.cli._progress import showing_progress
from jubako.cli._stores import opened_workspace
from jubako.models.archives import send


@click.command(
    "push",
    epilog=examples("jubako models push iris file:///mnt/shared/jubako", "jubako models push iris:1.0 ../other-home"),
)
@click.argument("tag", shell_complete=complete_models)
@click.argument("url")
@replace_option
@moved_output
@settings_options
def command(tag: str, url: str, force: bool, output: str, config: Path | None, strict_plugins: bool | None) -> None:
    """Copy the model TAG to the store at URL; a name alone is its latest version.

    URL may also be the path of another home of Jubako. Nothing is done if the same model is there already.
    """
    with opened_workspace(config, strict_plugins):
        with showing_progress():
            pushed = send(tag, url, force=force)
        show_pushed(pushed, url, output)
