"""`jubako list`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.cli._completion import complete_bentos
from jubako.cli._help import examples
from jubako.cli._listing import SORTS, show_list
from jubako.cli._options import settings_options
from jubako.cli._output import output_option
from jubako.cli._stores import label_option, opened_workspace, store_of
from jubako.contracts.store import StoreKind


@click.command("list", epilog=examples("jubako list", "jubako list iris_classifier --label stage=prod --json"))
@click.argument("name", required=False, shell_complete=complete_bentos)
@label_option
@click.option("--sort", type=click.Choice(SORTS), default="newest", show_default=True, help="What comes first.")
@output_option("table", "json", "yaml", "path")
@settings_options
def command(
    name: str | None, labels: tuple[str, ...], sort: str, output: str, config: Path | None, strict_plugins: bool | None
) -> None:
    """List the Bentos of the store, or the versions of NAME.

    One that cannot be read is told on stderr, and does not hide the others. On a narrow terminal, paths are left out.
    """
    with opened_workspace(config, strict_plugins) as workspace:
        show_list(store_of(workspace, StoreKind.BENTOS), name, labels, sort, output)
