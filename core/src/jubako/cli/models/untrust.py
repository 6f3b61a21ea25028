"""`jubako models untrust`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.cli._completion import complete_models
from jubako.cli._help import examples
from jubako.cli._options import settings_options
from jubako.cli._stores import opened_workspace
from jubako.cli._verbosity import tell
from jubako.errors import NotFound
from jubako.models import get
from jubako.stores.trust import is_digest
from jubako.workspace import Workspace


@click.command(
    "untrust",
    epilog=examples("jubako models untrust iris:latest", "jubako models untrust sha256:2c26b46b68ff...e886266e7ae"),
)
@click.argument("targets", nargs=-1, required=True, shell_complete=complete_models)
@settings_options
def command(targets: tuple[str, ...], config: Path | None, strict_plugins: bool | None) -> None:
    """Take back the trust in models: TARGETS are tags, or digests as `jubako models trust --list` shows them.

    Such a model does not load any more; a process that has loaded it keeps it.
    """
    with opened_workspace(config, strict_plugins) as workspace:
        digests = {target: target if is_digest(target) else get(target).digest for target in targets}
        for target, digest in digests.items():
            _untrust(workspace, target, digest)


def _untrust(workspace: Workspace, target: str, digest: str) -> None:
    if not workspace.trust.distrust(digest):
        raise NotFound(
            f"{target} is not in {workspace.trust.path}, so there is no trust in it to take back.",
            why=f"Its digest is {digest}." if target != digest else "",
            do="see what is trusted: jubako models trust --list",
        )
    click.echo(f"{target}: no longer trusted")
    if workspace.trust.is_trusted(digest):
        tell("Note: the setting trust.digests has it too, and so it still loads. Take it out there.")
