"""`jubako build`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import click

from jubako.bentos.building import build_from, find_bentofile
from jubako.bentos.options import BENTOFILE_NAME, BuildOptions, read_bentofile
from jubako.cli._options import read_settings, settings_options
from jubako.errors import CommandError
from jubako.workspace import open_workspace, using_workspace


@click.command("build")
@click.argument("build_ctx", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path())
@click.option("--service", metavar="IMPORT", help="Import string of the Service, such as service.py:svc.")
@click.option("--version", help="Version of the Bento; a new one that sorts by time if not given.")
@click.option("--label", "labels", metavar="KEY=VALUE", multiple=True, help="Add a label; can be given several times.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Pack these files; as in .gitignore.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Do not pack these files; as in .gitignore.")
@click.option("--description", metavar="TEXT", help="README in Markdown, or 'file: PATH' in the build context.")
@click.option("--model", "models", multiple=True, metavar="TAG", help="Pack this model too, beside the runners'.")
@click.option(
    "-f", "--bentofile", type=click.Path(path_type=Path), help=f"File with options; {BENTOFILE_NAME} if there is one."
)
@settings_options
def command(
    build_ctx: Path,
    service: str | None,
    version: str | None,
    labels: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    description: str | None,
    models: tuple[str, ...],
    bentofile: Path | None,
    config: Path | None,
    strict_plugins: bool | None,
) -> None:
    """Build a Bento from the folder BUILD_CTX; the current one if not given.

    Options on the command line go before those of the bentofile; labels are put together.
    """
    typed = {
        "service": service,
        "include": include or None,
        "exclude": exclude or None,
        "description": description,
        "additional_models": models or None,
    }
    options = _options(build_ctx, bentofile, {key: value for key, value in typed.items() if value is not None})
    options = attrs.evolve(options, labels={**options.labels, **dict(_label(text) for text in labels)})
    with using_workspace(open_workspace(read_settings(config, strict_plugins))):
        bento = build_from(options, version=version, build_ctx=build_ctx)
    click.echo(f"built {bento.tag}")
    click.echo(f"Serve it:  jubako serve {bento.tag}")


def _options(build_ctx: Path, bentofile: Path | None, typed: dict[str, Any]) -> BuildOptions:
    default = build_ctx / BENTOFILE_NAME
    if bentofile is not None or default.is_file():
        path = default if bentofile is None else find_bentofile(bentofile, build_ctx)
        return attrs.evolve(read_bentofile(path), **typed)
    if "service" not in typed:
        raise CommandError(
            f"{build_ctx.absolute()} cannot be built.",
            why=f"It has no {BENTOFILE_NAME}, and no Service was named.",
            do="jubako build --service service.py:svc",
        )
    return BuildOptions(**typed)


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise CommandError(f"label {text!r} has no value.", do="write --label key=value")
    return key, value
