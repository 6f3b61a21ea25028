"""`jubako models delete`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.cli._completion import complete_models
from jubako.cli._confirm import yes_option
from jubako.cli._deleting import delete_targets
from jubako.cli._help import examples
from jubako.cli._options import settings_options
from jubako.cli._stores import opened_workspace, store_of
from jubako.contracts.store import StoreKind


@click.command(
    "delete", epilog=examples("jubako models delete iris:latest", "jubako models delete iris,old-iris --yes")
)
@click.argument("targets", nargs=-1, required=True, shell_complete=complete_models)
@yes_option
@settings_options
def command(targets: tuple[str, ...], yes: bool, config: Path | None, strict_plugins: bool | None) -> None:
    """Delete models: TARGETS are tags, or names for all versions of a name, also with commas between them.

    Shows what will go, and asks first. If one is not there, nothing is deleted.
    """
    with opened_workspace(config, strict_plugins) as workspace:
        store = store_of(workspace, StoreKind.MODELS)
        delete_targets(store, targets, yes=yes, bento_store=workspace.bento_store)
