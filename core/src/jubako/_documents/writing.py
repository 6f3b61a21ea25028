"""`dump_yaml` and `plain`: what may be written into a document, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import yaml

from jubako.errors import InvalidArgument

_MAX_DEPTH = 64
_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def dump_yaml(data: object, *, is_ascii: bool = False) -> str:
    """Write JSON-like data as YAML, keys in their order, without aliases; `parse_yaml(dump_yaml(x)) == x`.

    Args:
        data: what is written.
        is_ascii: whether every other letter is escaped, as is right for a terminal: some turn the text round.

    Raises:
        InvalidArgument: something in `data` is not JSON-like; see `plain`.
    """
    text: str = yaml.dump(
        plain(data, "the document"), Dumper=_PlainDumper, sort_keys=False, allow_unicode=not is_ascii, width=120
    )
    return text


def plain(value: object, where: str) -> Any:
    """Return a deep copy of `value` in dicts, lists, texts, numbers, booleans and None.

    Tuples become lists, and numbers of other packages (numpy's) Python's own.

    Args:
        value: at most 64 levels deep.
        where: what the value is, for messages.

    Raises:
        InvalidArgument: something in it is none of these, or it is deeper, for instance because it contains itself.
    """
    return _plain(value, where, _MAX_DEPTH)


class _PlainDumper(_SafeDumper):  # type: ignore[misc]  # the C dumper has no types
    """A SafeDumper without aliases: equal values are written out each time, as people read them."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _plain(value: object, where: str, depth: int) -> Any:
    if depth == 0:
        raise InvalidArgument(f"{where} is more than {_MAX_DEPTH} levels deep.", do="give a flatter value")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _encodable(value, where)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{index}]", depth - 1) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidArgument(f"{where} has the key {key!r}, which is not text.", do="use text for keys")
        return {_encodable(key, where): _plain(item, f"{where}.{key}", depth - 1) for key, item in value.items()}
    raise InvalidArgument(
        f"{where} is of type {type(value).__name__}, which cannot be written.",
        do="use texts, numbers, booleans, None, lists and dictionaries",
    )


def _encodable(text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as mistake:
        raise InvalidArgument(f"{where} holds half a character (a lone surrogate).", do="give valid text") from mistake
    return str(text)
