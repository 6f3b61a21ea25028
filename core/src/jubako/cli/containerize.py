"""`jubako containerize`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from jubako.bentos.containers.containerizing import ImageOptions, build_bento_image, write_build_context
from jubako.bentos.containers.engines import ENGINES
from jubako.bentos.stored import get
from jubako.cli._completion import complete_bentos
from jubako.cli._help import examples
from jubako.cli._options import settings_options
from jubako.cli._progress import showing_progress
from jubako.cli._stores import opened_workspace
from jubako.cli._verbosity import tell
from jubako.errors import CommandError


@click.command(
    "containerize",
    epilog=examples(
        "jubako containerize iris_classifier:latest -t iris:1.0",
        "jubako containerize iris_classifier --engine buildah --pip-config pip.conf",
        "jubako containerize iris_classifier --dockerfile-only image/",
    ),
)
@click.argument("tag", shell_complete=complete_bentos)
@click.option(
    "-t",
    "--docker-image-tag",
    "names",
    metavar="NAME",
    multiple=True,
    help="Name of the image; the Bento's tag if not given. Can be given several times.",
)
@click.option(
    "--build-arg",
    "build_args",
    metavar="NAME[=VALUE]",
    multiple=True,
    help="Variable that the commands of the build see; without a value, that of this environment. Not for secrets.",
)
@click.option("--label", "labels", metavar="KEY=VALUE", multiple=True, help="Add a label to the image.")
@click.option("--no-cache", is_flag=True, help="Do every step anew.")
@click.option(
    "--platform", metavar="OS/ARCH", help="Platform of the image, such as linux/arm64; this machine's if not given."
)
@click.option(
    "--engine",
    type=click.Choice(list(ENGINES)),
    help="What builds; containers.engine if not given, or else the first of these that can be used.",
)
@click.option(
    "--pip-config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Configuration of pip for this build, such as a private index; no layer of the image holds it.",
)
@click.option(
    "--dockerfile-only",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Build nothing, but write what is built from to this folder: Dockerfile and bento/.",
)
@settings_options
def command(
    tag: str,
    names: tuple[str, ...],
    build_args: tuple[str, ...],
    labels: tuple[str, ...],
    no_cache: bool,
    platform: str | None,
    engine: str | None,
    pip_config: Path | None,
    dockerfile_only: Path | None,
    config: Path | None,
    strict_plugins: bool | None,
) -> None:
    """Build an image of the Bento TAG with docker, podman or buildah.

    What these write goes to stderr. Models that can run code and are trusted on this machine are trusted in the image.
    """
    options = ImageOptions(
        build_args=_pairs("--build-arg", build_args, defaults=True),
        labels=_pairs("--label", labels),
        no_cache=no_cache,
        platform=platform,
        engine=engine,
        pip_config=pip_config,
    )
    if dockerfile_only is not None and names:
        raise CommandError(
            "-t/--docker-image-tag cannot stand beside --dockerfile-only.", why="No image is built.", do="leave it out"
        )
    with opened_workspace(config, strict_plugins), showing_progress():
        bento = get(tag)
        if dockerfile_only is not None:
            dockerfile = write_build_context(bento, dockerfile_only, options, tell)
            click.echo(f"wrote {dockerfile}")
            tell(f"Build it:  docker build -f {dockerfile} {dockerfile.parent / 'bento'}")
            return
        name = build_bento_image(bento, names, options, tell)
    click.echo(f"built {name}")
    tell(f"Run it:  docker run --rm -p 3000:3000 {name}")


def _pairs(option: str, texts: Sequence[str], *, defaults: bool = False) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals and defaults and name in os.environ:
            value = os.environ[name]
        elif not equals or not name:
            raise CommandError(
                f"{option} {text!r} has no value.",
                why="There is none in the environment either." if defaults and name else "",
                do=f"write {option} NAME=value",
            )
        pairs[name] = value
    return pairs
