"""`key_lines`: on which line of a YAML document each key stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def key_lines(text: str) -> dict[str, int]:
    """The lines, from 1, of all keys, by their path with dots.

    Args:
        text: a document that `parse_yaml` has read; what it refuses must not come here.
    """
    root = yaml.compose(text, Loader=_SafeLoader)
    return {} if root is None else dict(_lines(root, ""))


def _lines(node: yaml.Node, prefix: str) -> Iterator[tuple[str, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        yield path, key.start_mark.line + 1
        yield from _lines(value, f"{path}.")
