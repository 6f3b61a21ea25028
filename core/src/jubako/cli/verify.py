"""`jubako verify`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.cli._completion import complete_bentos
from jubako.cli._help import examples
from jubako.cli._options import settings_options
from jubako.cli._output import output_option
from jubako.cli._stores import opened_workspace, store_of
from jubako.cli._verifying import verify_targets
from jubako.contracts.store import StoreKind


@click.command("verify", epilog=examples("jubako verify", "jubako verify iris_classifier:latest"))
@click.argument("targets", nargs=-1, shell_complete=complete_bentos)
@output_option("table", "json", "yaml")
@settings_options
@click.pass_context
def command(
    context: click.Context,
    targets: tuple[str, ...],
    output: str,
    config: Path | None,
    strict_plugins: bool | None,
) -> None:
    """Read every file of the Bentos TARGETS, or of all, and compare it with what was stored.

    Names each file that is damaged, missing or planted; the exit code is 1 then.
    """
    with opened_workspace(config, strict_plugins) as workspace:
        is_sound = verify_targets(store_of(workspace, StoreKind.BENTOS), targets, output)
    context.exit(0 if is_sound else 1)
