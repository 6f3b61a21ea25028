"""What the shell offers for the rest of a word: tags in the local store, plugins, settings.

Called at each press of a key: only names of folders are read, nothing of a plugin is imported, and whatever goes wrong
is an empty list.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from jubako._references import load_reference
from jubako.contracts.store import StoreKind
from jubako.settings import Settings, list_settings, load_settings

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# More than this is no help to anybody.
_MOST = 500


def complete_models(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of models, and after a colon their versions."""
    return _complete(context, incomplete, StoreKind.MODELS)


def complete_bentos(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of Bentos, and after a colon their versions."""
    return _complete(context, incomplete, StoreKind.BENTOS)


def complete_services(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of Bentos, and after a colon their versions; the shell's own files where none begins so."""
    return complete_bentos(context, parameter, incomplete) or [CompletionItem(incomplete, type="file")]


def complete_any_tag(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of models and of Bentos, and after a colon their versions."""
    return _complete(context, incomplete, *StoreKind)


def complete_plugins(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of installed plugins; none of them is imported."""
    # Loaded here: a command that is run does not wait for what completes it.
    return _items(incomplete, lambda: (one.name for one in load_reference("jubako.plugins.discovery:discover")()))


def complete_settings(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Keys of settings, and their sections."""

    def keys() -> Iterator[str]:
        for setting in list_settings(Settings()):
            parts = setting.key.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))

    return _items(incomplete, keys)


def _items(incomplete: str, values: Callable[[], Iterable[str]]) -> list[CompletionItem]:
    try:
        found = sorted({value for value in values() if value.startswith(incomplete)})
    except Exception:  # noqa: BLE001  # as below
        return []
    return [CompletionItem(value) for value in found[:_MOST]]


def _complete(context: click.Context, incomplete: str, *kinds: StoreKind) -> list[CompletionItem]:
    try:
        # Several can be given with commas between them, and only the last is being typed.
        before, comma, last = incomplete.rpartition(",")
        settings = load_settings(context.params.get("config"), os.environ)
        found: dict[str, None] = {}
        for kind in kinds:
            url = settings.stores.model_store if kind is StoreKind.MODELS else settings.stores.bento_store
            home = _local_home(url, settings.stores.home)
            if home is not None:
                found |= dict.fromkeys(_matching(home / kind.value, last))
        return [CompletionItem(f"{before}{comma}{text}") for text in sorted(found)[:_MOST]]
    except Exception:  # noqa: BLE001  # a broken file of settings or folder must not spoil somebody's typing
        return []


def _local_home(url: str, home: Path) -> Path | None:
    """The folder of a store; None if it is not of this machine."""
    if not url:
        return home
    if "://" not in url:
        return Path(url)
    if not url.startswith("file://"):
        return None
    path: Path = load_reference("jubako.stores.places:path_of_url")(url)
    return path


def _matching(root: Path, incomplete: str) -> Iterator[str]:
    name, colon, version = incomplete.partition(":")
    if colon:
        yield from (f"{name}:{entry}" for entry in [*_folders(root / name), "latest"] if entry.startswith(version))
        return
    names = [entry for entry in _folders(root) if entry.startswith(name)]
    yield from names
    if name and len(names) == 1:  # nothing else can be meant: its versions at once
        yield from (f"{names[0]}:{entry}" for entry in _folders(root / names[0]))


def _folders(place: Path) -> Iterator[str]:
    try:
        with os.scandir(place) as entries:
            # What is no part of a tag could be anything, also a line of its own.
            yield from (entry.name for entry in entries if _PART.fullmatch(entry.name) and entry.is_dir())
    except OSError:
        return
