"""`jubako models get`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.cli._completion import complete_models
from jubako.cli._help import examples
from jubako.cli._options import settings_options
from jubako.cli._output import output_option
from jubako.cli._showing import show_version
from jubako.cli._stores import opened_workspace, store_of
from jubako.contracts.store import StoreKind


@click.command("get", epilog=examples("jubako models get iris:latest", 'cd "$(jubako models get iris -o path)"'))
@click.argument("tag", shell_complete=complete_models)
@output_option("table", "json", "yaml", "path")
@settings_options
def command(tag: str, output: str, config: Path | None, strict_plugins: bool | None) -> None:
    """Show what is known of the model TAG; a name alone is its latest version.

    With -o json and yaml, that is its manifest, digest, size, origin and path.
    """
    with opened_workspace(config, strict_plugins) as workspace:
        show_version(store_of(workspace, StoreKind.MODELS), tag, output)
