"""`jubako export`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.bentos.archives import export
from jubako.cli._completion import complete_bentos
from jubako.cli._help import examples
from jubako.cli._moving import format_option, moved_output, overwrite_option, show_exported
from jubako.cli._options import settings_options
from jubako.cli._progress import showing_progress
from jubako.cli._stores import opened_workspace


@click.command(
    "export",
    epilog=examples("jubako export iris_classifier", "jubako export iris_classifier:latest backup/ --format zip"),
)
@click.argument("tag", shell_complete=complete_bentos)
@click.argument("out", default="", type=click.Path())
@format_option("What it is wrapped in; if not given, the suffix of OUT says, and `native` is a tar in gzip.")
@overwrite_option
@moved_output
@settings_options
def command(
    tag: str,
    out: str,
    archive_format: str | None,
    force: bool,
    output: str,
    config: Path | None,
    strict_plugins: bool | None,
) -> None:
    """Write the Bento TAG as one file, to keep it or to give it away; a name alone is its latest version.

    OUT is an existing folder, in which the file is NAME-VERSION.bento; or the name of the file, which gets that
    suffix unless it has one of another format; or the URL of a store, to which the Bento is copied. The working
    directory if not given. Every file is compared with its digest on the way.
    """
    with opened_workspace(config, strict_plugins):
        with showing_progress():
            exported = export(tag, out, archive_format, overwrite=force)
        show_exported(exported, output)
