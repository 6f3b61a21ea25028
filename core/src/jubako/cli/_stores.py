"""What the commands for models and those for Bentos share: opening the stores, and showing facts of versions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from jubako.cli._options import read_settings
from jubako.cli._stdout import stdout_for_the_answer
from jubako.contracts.store import Store, StoreKind
from jubako.errors import CommandError
from jubako.values.tag import Tag
from jubako.workspace import Workspace, open_workspace, using_workspace

_Function = TypeVar("_Function", bound=Callable[..., Any])


@contextlib.contextmanager
def opened_workspace(config: Path | None, strict_plugins: bool | None) -> Iterator[Workspace]:
    """Open the stores that the settings name; what plugins print while they are loaded goes to stderr.

    Args:
        config: the argument of `settings_options`.
        strict_plugins: the argument of `settings_options`.
    """
    with stdout_for_the_answer():
        workspace = open_workspace(read_settings(config, strict_plugins))
    with using_workspace(workspace):
        yield workspace


def store_of(workspace: Workspace, kind: StoreKind) -> Store:
    """The store of models or of Bentos."""
    return workspace.model_store if kind is StoreKind.MODELS else workspace.bento_store


def read_targets(texts: Sequence[str]) -> list[Tag]:
    """Names and tags, of which several may stand in one argument with commas between them; each once.

    Raises:
        InvalidArgument: one is no tag.
        CommandError: there is nothing between two commas.
    """
    targets = [part.strip() for text in texts for part in text.split(",")]
    if "" in targets:
        raise CommandError(
            f"{','.join(texts)!r} has an empty name in it.", do="write names and tags with single commas between them"
        )
    return list(dict.fromkeys(Tag.from_str(target) for target in targets))


def label_option(function: _Function) -> _Function:
    """Give a command `--label`, as the argument `labels` of `has_labels`."""
    decorated: _Function = click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="KEY[=VALUE]",
        help="Only those with this label; can be given several times, and all must be there.",
    )(function)
    return decorated


def has_labels(found: Any, wanted: Sequence[str]) -> bool:
    """True if all labels are there: `key`, whatever its value is, or `key=value`."""
    pairs = [text.partition("=") for text in wanted]
    return all(key in found and (not equals or found[key] == value) for key, equals, value in pairs)


def local_time(time: datetime) -> str:
    """A time in this machine's time zone, to the second."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def count_of(number: int, kind: StoreKind) -> str:
    """`1 model`, `3 Bentos`."""
    return f"{number:,} {kind.noun}{'' if number == 1 else 's'}"
