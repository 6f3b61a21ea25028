"""Reading settings from a file, the environment and the command line.

Each source is checked alone, so that an error names the place where it was written, and then laid over the ones before
it key by key.
"""

from __future__ import annotations

import types
import typing
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from jubako._documents import parse_yaml, structure
from jubako.errors import ConfigurationError
from jubako.settings.sections import Settings

_PREFIX = "JUBAKO_"
_CONFIG = "JUBAKO_CONFIG"
_PLAIN_NAMES = {
    "JUBAKO_HOME": "stores.home",
    "JUBAKO_MODEL_STORE": "stores.model_store",
    "JUBAKO_BENTO_STORE": "stores.bento_store",
    "JUBAKO_PLUGINS": "plugins.allow",
    "JUBAKO_DISABLE_PLUGINS": "plugins.disable",
}
_MAX_FILE_BYTES = 1024 * 1024
_Tree = dict[str, Any]


def load_settings(
    path: Path | None = None,
    environment: Mapping[str, str] = types.MappingProxyType({}),
    overrides: Mapping[str, Any] = types.MappingProxyType({}),
) -> Settings:
    """Read all sources; a later one wins key by key: defaults, file, environment, overrides.

    Args:
        path: a YAML file; if None, the one that JUBAKO_CONFIG names, if any. There is no file by default.
        environment: usually `os.environ`. `JUBAKO_<SECTION>__<KEY>` is a key, deeper ones are parted by further `__`;
            case does not matter. JUBAKO_HOME, JUBAKO_PLUGINS, JUBAKO_DISABLE_PLUGINS, JUBAKO_MODEL_STORE and
            JUBAKO_BENTO_STORE are short names. Any other name with this prefix is passed over with one warning.
        overrides: by dotted key, such as `server.port`; None is passed over.

    Raises:
        ConfigurationError: the file cannot be read, a key is unknown, or a value is wrong; says where it stands.
    """
    merged: _Tree = {}
    for where, tree in _layers(path, environment, overrides):
        structure(tree, Settings, where)
        merged = _laid_over(merged, tree)  # a mapping, for `structure` took it
    return structure(merged, Settings, "the settings")


def _layers(
    path: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Any]
) -> Iterator[tuple[str, _Tree]]:
    if path is None and environment.get(_CONFIG):
        path = Path(environment[_CONFIG])
    if path is not None:
        yield str(path), _read_file(path)
    yield from _environment_layers(environment)
    for key, value in overrides.items():
        if value is not None:
            yield f"option {key}", _tree(key.split("."), value, f"option {key}")


def _read_file(path: Path) -> _Tree:
    try:
        with path.expanduser().open("rb") as file:
            # One byte more than is allowed, so that a file without end is refused and not read.
            content = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the configuration file {path} cannot be read.",
            why=f"{error}.",
            do="correct the path (--config, JUBAKO_CONFIG)",
        ) from error
    document = parse_yaml(content, str(path), max_bytes=_MAX_FILE_BYTES)
    return typing.cast(_Tree, {} if document is None else document)


def _environment_layers(environment: Mapping[str, str]) -> Iterator[tuple[str, _Tree]]:
    strangers = []
    for name, key in _PLAIN_NAMES.items():
        value = environment.get(name)
        # An empty allow-list allows nothing; any other empty name is as good as none.
        if value or (value is not None and name == "JUBAKO_PLUGINS"):
            yield name, _tree(key.split("."), value, name)
    for name in sorted(environment):
        if not name.startswith(_PREFIX) or name in _PLAIN_NAMES or name == _CONFIG:
            continue
        if "__" in name:
            yield name, _tree(name.removeprefix(_PREFIX).lower().split("__"), environment[name], name)
        else:
            strangers.append(name)
    if strangers:
        warnings.warn(f"not settings of Jubako, and passed over: {', '.join(strangers)}", stacklevel=4)


def _tree(keys: list[str], value: Any, where: str) -> _Tree:
    """The nested mapping that sets one key."""
    tree: Any = _from_text(keys, value, where) if isinstance(value, str) else value
    for key in reversed(keys):
        tree = {key: tree}
    return typing.cast(_Tree, tree)


def _from_text(keys: list[str], text: str, where: str) -> Any:
    """Read a text as what the key holds; that of an unknown key is left alone, for `structure` reports it better."""
    kind: Any = Settings
    for key in keys:
        if attrs.has(kind):
            kind = typing.get_type_hints(kind).get(key, str)
        elif typing.get_origin(kind) is Mapping:
            kind = typing.get_args(kind)[1]
    if kind in (str, Path):
        return text
    if kind in (tuple[str, ...], tuple[str, ...] | None):
        # The fields strip names and drop empty ones; one for secrets has to see that there was nothing else.
        return text.split(",")
    return parse_yaml(text, where)


def _laid_over(below: _Tree, above: _Tree) -> _Tree:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _laid_over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged
