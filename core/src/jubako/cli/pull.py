"""`jubako pull`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.bentos.archives import fetch
from jubako.cli._help import examples
from jubako.cli._moving import latest_option, moved_output, replace_option, show_taken_in
from jubako.cli._options import settings_options
from jubako.cli._progress import showing_progress
from jubako.cli._stores import opened_workspace
from jubako.contracts.store import StoreKind


@click.command(
    "pull",
    epilog=examples("jubako pull iris_classifier file:///mnt/shared/jubako", "jubako pull iris_classifier:1.0 ../home"),
)
@click.argument("tag")
@click.argument("url")
@replace_option
@latest_option
@moved_output
@settings_options
def command(
    tag: str,
    url: str,
    force: bool,
    latest: bool,
    output: str,
    config: Path | None,
    strict_plugins: bool | None,
) -> None:
    """Copy the Bento TAG from the store at URL; a name alone is its latest version there.

    URL may also be the path of another home of Jubako. Nothing is done if the same Bento is here already. It is not
    trusted by that.
    """
    with opened_workspace(config, strict_plugins) as workspace:
        with showing_progress():
            done = fetch(tag, url, force=force, latest=latest)
        show_taken_in(done, "pulled", workspace, StoreKind.BENTOS, output)
