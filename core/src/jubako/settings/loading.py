"""Reading settings from a file, the environment and the command line.

Each source is checked alone, so that an error names the place where it was written, and then laid over the ones before
it key by key.
"""

from __future__ import annotations

import functools
import types
import typing
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from jubako._documents import key_lines, parse_yaml, structure
from jubako.errors import ConfigurationError
from jubako.settings._environment import CONFIG_NAME, PLAIN_NAMES, key_of, passed_over
from jubako.settings.advice import advice_for
from jubako.settings.sections import Settings

_MAX_FILE_BYTES = 1024 * 1024
_Tree = dict[str, Any]


@attrs.frozen
class Source:
    """Where a value was written.

    Args:
        kind: which of the sources it is.
        place: the file with the line, the name of the variable, or the option; empty for a default.
    """

    kind: Literal["default", "file", "environment", "command line"]
    place: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.place}" if self.place else self.kind


DEFAULT = Source("default")


@attrs.frozen
class LoadedSettings:
    """Settings, and where each value is from.

    Args:
        settings: what is in force.
        sources: by dotted key, of what is no default.
        path: the file that was read, if any.
    """

    settings: Settings
    sources: Mapping[str, Source]
    path: Path | None


@attrs.frozen
class _Layer:
    """What one source says.

    Args:
        where: the source, for errors.
        tree: the nested keys.
        source_of: where a dotted key of the tree was written.
    """

    where: str
    tree: _Tree
    source_of: Callable[[str], Source]


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
    return structure(_merged(_layers(_path(path, environment), environment, overrides)), Settings, "the settings")


def load_settings_with_sources(
    path: Path | None = None,
    environment: Mapping[str, str] = types.MappingProxyType({}),
    overrides: Mapping[str, Any] = types.MappingProxyType({}),
) -> LoadedSettings:
    """Read all sources as `load_settings` does, and note which of them each value is from.

    Args:
        path: see `load_settings`.
        environment: see `load_settings`.
        overrides: see `load_settings`.

    Raises:
        ConfigurationError: see `load_settings`.
    """
    path = _path(path, environment)
    layers = list(_layers(path, environment, overrides))
    settings = structure(_merged(layers), Settings, "the settings")
    sources = {key: layer.source_of(key) for layer in layers for key in _leaves(layer.tree)}
    return LoadedSettings(settings, sources, path)


def _merged(layers: Iterable[_Layer]) -> _Tree:
    merged: _Tree = {}
    for layer in layers:
        _check(layer)
        merged = _laid_over(merged, layer.tree)  # a mapping, for it was checked
    return merged


def _check(layer: _Layer) -> None:
    try:
        structure(layer.tree, Settings, layer.where)
    except ConfigurationError as error:
        advice = advice_for(layer.tree) if isinstance(layer.tree, Mapping) else []
        if not advice:
            raise
        raise ConfigurationError(error.message, why=error.why, do="; ".join(advice)) from error


def _path(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    return Path(environment[CONFIG_NAME]) if path is None and environment.get(CONFIG_NAME) else path


def _layers(path: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Any]) -> Iterator[_Layer]:
    if path is not None:
        yield _file_layer(path)
    yield from _environment_layers(environment)
    for key, value in overrides.items():
        if value is not None:
            where = f"option {key}"
            yield _layer(where, key.split("."), value, Source("command line", where))


def _file_layer(path: Path) -> _Layer:
    content = _read_file(path)
    document = parse_yaml(content, str(path), max_bytes=_MAX_FILE_BYTES)
    tree = typing.cast(_Tree, {} if document is None else document)
    lines = functools.cache(lambda: key_lines(content.decode()))
    return _Layer(str(path), tree, lambda key: Source("file", f"{path}:{lines()[key]}"))


def _read_file(path: Path) -> bytes:
    try:
        with path.expanduser().open("rb") as file:
            # One byte more than is allowed, so that a file without end is refused and not read.
            return file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the configuration file {path} cannot be read.",
            why=f"{error}.",
            do="correct the path (--config, JUBAKO_CONFIG)",
        ) from error


def _environment_layers(environment: Mapping[str, str]) -> Iterator[_Layer]:
    for name, key in PLAIN_NAMES.items():
        value = environment.get(name)
        # An empty allow-list allows nothing; any other empty name is as good as none.
        if value or (value is not None and name == "JUBAKO_PLUGINS"):
            yield _layer(name, key.split("."), value, Source("environment", name))
    for name in sorted(environment):
        keys = key_of(name)
        if keys is not None:
            yield _layer(name, keys, environment[name], Source("environment", name))
    strangers = passed_over(environment)
    if strangers:
        warnings.warn(f"not settings of Jubako, and passed over: {', '.join(strangers)}", stacklevel=5)


def _layer(where: str, keys: list[str], value: Any, source: Source) -> _Layer:
    return _Layer(where, _tree(keys, value, where), lambda _: source)


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


def _leaves(tree: _Tree, prefix: str = "") -> Iterator[str]:
    """The dotted keys that a tree gives values to."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
