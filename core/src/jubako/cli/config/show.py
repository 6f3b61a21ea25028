"""`jubako config show`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from jubako._documents import dump_yaml, plain, suggest
from jubako.cli._completion import complete_settings
from jubako.cli._help import examples
from jubako.cli._options import read_settings_with_sources, settings_options
from jubako.cli._output import output_option, show
from jubako.cli._tables import format_table
from jubako.errors import NotFound
from jubako.server.redaction import HIDDEN, redact
from jubako.settings import LoadedSettings, Setting, Source, list_settings


@attrs.frozen
class _Shown:
    """A setting as it is shown.

    Args:
        key: with dots.
        value: JSON-like; hidden if it is secret.
        source: where it is from.
    """

    key: str
    value: Any
    source: Source


@click.command(
    "show",
    epilog=examples("jubako config show server.port server.cors", "jubako config show --config production.yaml --json"),
)
@click.argument("keys", nargs=-1, metavar="[KEY]...", shell_complete=complete_settings)
@output_option("table", "json", "yaml")
@settings_options
def command(keys: tuple[str, ...], output: str, config: Path | None, strict_plugins: bool | None) -> None:
    """Show every setting, its value and where that is from: a default, the file, the environment, the command line.

    KEY is a setting such as server.port, or a section such as server.cors; several can be given. Keys and passwords
    are shown as ***.
    """
    loaded = read_settings_with_sources(config, strict_plugins)
    shown = _chosen([_show(setting, loaded.sources) for setting in list_settings(loaded.settings)], keys)
    rows = [(one.key, _as_yaml(one.value), str(one.source)) for one in shown]
    show(
        _data(shown, loaded),
        output,
        lambda width: format_table(("SETTING", "VALUE", "SOURCE"), rows, width),
        ids=lambda: [one.key for one in shown],
    )


def _show(setting: Setting, sources: Mapping[str, Source]) -> _Shown:
    value = str(setting.value) if isinstance(setting.value, Path) else plain(setting.value, setting.key)
    source = sources.get(setting.key, Source("default"))
    if setting.is_secret:
        # How many there are is no secret.
        hidden = [HIDDEN] * len(value) if isinstance(value, list) else HIDDEN if value else value
        return _Shown(setting.key, hidden, source)
    # The URL of a store may hold credentials.
    return _Shown(setting.key, redact(value) if isinstance(value, str) else value, source)


def _chosen(shown: Sequence[_Shown], keys: Sequence[str]) -> list[_Shown]:
    """Those that the keys name, each a setting or a section; all if there are no keys.

    Raises:
        NotFound: a key names nothing.
    """
    for key in keys:
        if not any(_is_in(one.key, key) for one in shown):
            known = {one.key.rsplit(".", depth)[0] for one in shown for depth in range(one.key.count(".") + 1)}
            raise NotFound(f"there is no setting {key!r}.", why=suggest(key, sorted(known)))
    return [one for one in shown if not keys or any(_is_in(one.key, key) for key in keys)]


def _is_in(key: str, section: str) -> bool:
    return key == section or key.startswith(f"{section}.")


def _data(shown: Sequence[_Shown], loaded: LoadedSettings) -> dict[str, Any]:
    return {
        "file": None if loaded.path is None else str(loaded.path),
        "settings": {
            one.key: {"value": one.value, "source": one.source.kind, "place": one.source.place or None} for one in shown
        },
    }


def _as_yaml(value: Any) -> str:
    """The value as it could be written in the file, on one line."""
    written = dump_yaml(value).removesuffix("...\n").strip() if isinstance(value, str | int | float) else ""
    return written if written and "\n" not in written else json.dumps(value, ensure_ascii=False)
