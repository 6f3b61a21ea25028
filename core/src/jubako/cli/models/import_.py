"""`jubako models import`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.cli._help import examples
from jubako.cli._moving import format_option, latest_option, moved_output, show_taken_in
from jubako.cli._options import settings_options
from jubako.cli._progress import showing_progress
from jubako.cli._stores import opened_workspace
from jubako.contracts.store import StoreKind
from jubako.models.archives import take_in


@click.command(
    "import",
    epilog=examples("jubako models import iris-1.0.jubako-model", "jubako models import iris-2.0.zip --latest"),
)
@click.argument("path", type=click.Path())
@format_option("What it must be; if not given, its first bytes say.")
@latest_option
@moved_output
@settings_options
def command(
    path: str,
    archive_format: str | None,
    latest: bool,
    output: str,
    config: Path | None,
    strict_plugins: bool | None,
) -> None:
    """Store the model in the archive PATH, a file or a folder, under the tag that it has there.

    The whole archive is checked: if anything in it is not as its manifest says, or is no plain file, nothing is stored.
    It is not trusted by that.
    """
    with opened_workspace(config, strict_plugins) as workspace:
        with showing_progress():
            done = take_in(path, archive_format, latest=latest)
        show_taken_in(done, "imported", workspace, StoreKind.MODELS, output)
