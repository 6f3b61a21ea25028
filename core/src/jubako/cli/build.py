"""`jubako build`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import attrs
import click

from jubako.bentos.building import build_from, find_bentofile
from jubako.bentos.options import BENTOFILE_NAME, BuildOptions, read_bentofile
from jubako.bentos.steps.python import describe_lock
from jubako.cli._completion import complete_models
from jubako.cli._help import examples
from jubako.cli._options import settings_options
from jubako.cli._output import output_option, show
from jubako.cli._progress import format_bytes, showing_progress
from jubako.cli._stdout import stdout_for_the_answer
from jubako.cli._stores import opened_workspace
from jubako.cli._verbosity import tell
from jubako.errors import CommandError
from jubako.services.bento import Bento


@click.command(
    "build",
    epilog=examples(
        "jubako build",
        "jubako build iris --service service.py:svc --label team=flowers",
        'jubako build --package "pandas>=2" --relock -o path',
    ),
)
@click.argument("build_ctx", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path())
@click.option("--service", metavar="IMPORT", help="Import string of the Service, such as service.py:svc.")
@click.option("--version", help="Version of the Bento; a new one that sorts by time if not given.")
@click.option("--label", "labels", metavar="KEY=VALUE", multiple=True, help="Add a label; can be given several times.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Pack these files; as in .gitignore.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Do not pack these files; as in .gitignore.")
@click.option("--description", metavar="TEXT", help="README in Markdown, or 'file: PATH' in the build context.")
@click.option(
    "--model", "models", multiple=True, metavar="TAG", shell_complete=complete_models, help="Pack this model too."
)
@click.option(
    "--package", "packages", metavar="REQUIREMENT", multiple=True, help="Install this too, beside python.packages."
)
@click.option("--relock", is_flag=True, help="Make bentofile.lock anew, also if nothing has changed.")
@click.option(
    "-f", "--bentofile", type=click.Path(path_type=Path), help=f"File with options; {BENTOFILE_NAME} if there is one."
)
@output_option("table", "json", "yaml", "path")
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
    packages: tuple[str, ...],
    relock: bool,
    bentofile: Path | None,
    output: str,
    config: Path | None,
    strict_plugins: bool | None,
) -> None:
    """Build a Bento from the folder BUILD_CTX; the current one if not given.

    Options on the command line go before those of the bentofile; labels and packages are put together.
    """
    typed = {
        "service": service,
        "include": include or None,
        "exclude": exclude or None,
        "description": description,
        "additional_models": models or None,
    }
    options = _options(build_ctx, bentofile, {key: value for key, value in typed.items() if value is not None})
    options = attrs.evolve(
        options,
        labels={**options.labels, **dict(_label(text) for text in labels)},
        python=attrs.evolve(options.python, packages=(*options.python.packages, *packages)),
    )
    with opened_workspace(config, strict_plugins):
        # What the Service prints while it is imported is no part of the answer.
        with stdout_for_the_answer(), warnings.catch_warnings(), showing_progress():
            warnings.showwarning = _tell_warning  # type: ignore[assignment]  # the rest of the arguments is not told
            bento = build_from(options, version=version, build_ctx=build_ctx, relock=relock)
        facts = _facts(bento)
        show(facts, output, lambda _: _told(facts), ids=lambda: [str(bento.tag)])


def _tell_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    tell(f"Warning: {message}" if category is UserWarning else f"{category.__name__}: {message}")


def _facts(bento: Bento) -> dict[str, Any]:
    return {
        "tag": str(bento.tag),
        "digest": bento.info.digest,
        "path": str(bento.path),
        "size_bytes": sum(file.size_bytes for file in bento.info.files),
        "models": [str(model.tag) for model in bento.info.models],
        "packages": describe_lock(bento.path),
    }


def _told(facts: dict[str, Any]) -> str:
    return "\n".join(
        (
            f"built {facts['tag']}  ({format_bytes(facts['size_bytes'])}; {facts['packages']})",
            f"with  {', '.join(facts['models']) or 'no model'}",
            f"Serve it:  jubako serve {facts['tag']}",
        )
    )


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
