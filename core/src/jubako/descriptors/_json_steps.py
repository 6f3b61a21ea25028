"""JSON text of values that orjson refuses though JSON has them: whole numbers of any length, and more than 254 levels.

Requests bring both: `1e30` is read as a whole number where one is expected, and JSON is read down to 1024 levels.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import Any

import orjson

from jubako.errors import InvalidArgument

# Twice what is read, for a service may wrap what it was sent. What holds itself ends here too.
_MOST_LEVELS = 2048
_OPTIONS = orjson.OPT_NON_STR_KEYS
_TEXT_LEVEL = 0
# A million numbers, one of them long, take half a second one by one.
_RUN = 256
_PLAIN = frozenset({int, float, str, bool, type(None)})


def dump_by_steps(value: Any, to_jsonable: Callable[[Any], Any]) -> bytes:
    """Write a value as compact JSON, container by container and without recursion; slower than orjson by far.

    Args:
        value: what JSON has a form for, or `to_jsonable` makes it of.
        to_jsonable: see `default` of `orjson.dumps`.

    Raises:
        InvalidArgument: something in it cannot be written, or it has more than 2048 levels.
    """
    pieces: list[bytes] = []
    # The next one last: a level and a value that stands there, or `_TEXT_LEVEL` and what is written as it is.
    waiting: list[tuple[int, Any]] = [(1, value)]
    while waiting:
        level, item = waiting.pop()
        if level == _TEXT_LEVEL:
            pieces.append(item)
        elif level > _MOST_LEVELS:
            raise InvalidArgument(f"It has more than {_MOST_LEVELS} levels, or holds itself.")
        elif isinstance(item, dict):
            waiting += _object(item, level)
        elif isinstance(item, list | tuple | set | frozenset):
            waiting += _array(list(item), level)
        elif isinstance(item, int) and not isinstance(item, bool | enum.Enum):
            pieces.append(b"%d" % item)
        else:
            try:
                pieces.append(orjson.dumps(item, to_jsonable, _OPTIONS))
            except orjson.JSONEncodeError as error:
                waiting.append((level + 1, _plain(item, to_jsonable, error)))
    return b"".join(pieces)


def _object(item: dict[Any, Any], level: int) -> list[tuple[int, Any]]:
    """What is to be written of an object, the first part last."""
    parts: list[tuple[int, Any]] = []
    for name, each in item.items():
        parts += (_TEXT_LEVEL, b"," * bool(parts) + _name(name)), (level + 1, each)
    return [(_TEXT_LEVEL, b"{"), *parts, (_TEXT_LEVEL, b"}")][::-1]


def _array(items: list[Any], level: int) -> list[tuple[int, Any]]:
    """What is to be written of an array, the first part last; long runs of plain values in one piece each."""
    parts: list[tuple[int, Any]] = []
    for start in range(0, len(items), _RUN):
        run = items[start : start + _RUN]
        text = _plain_run(run)
        if text:
            parts += (_TEXT_LEVEL, b"," * bool(parts)), (_TEXT_LEVEL, text)
            continue
        for each in run:
            parts += (_TEXT_LEVEL, b"," * bool(parts)), (level + 1, each)
    return [(_TEXT_LEVEL, b"["), *parts, (_TEXT_LEVEL, b"]")][::-1]


def _plain_run(items: list[Any]) -> bytes:
    """Values without any in them, as they stand between brackets; nothing if orjson does not write them."""
    if not _PLAIN.issuperset(map(type, items)):
        return b""
    try:
        return orjson.dumps(items)[1:-1]
    except orjson.JSONEncodeError:
        return b""


def _name(name: Any) -> bytes:
    """A name of an object with its colon."""
    plain = str(int(name)) if isinstance(name, int) and not isinstance(name, bool | enum.Enum) else name
    try:
        return orjson.dumps({plain: None}, option=_OPTIONS)[1:-5]
    except orjson.JSONEncodeError as error:
        raise InvalidArgument(f"It has the name {name!r:.80}: {error}.") from error


def _plain(item: Any, to_jsonable: Callable[[Any], Any], error: orjson.JSONEncodeError) -> Any:
    """What stands for a value of a class that orjson knows, but not with what is in it."""
    if isinstance(error.__cause__, InvalidArgument):
        raise error.__cause__
    if isinstance(item, str):
        raise InvalidArgument(f"It holds {item!r:.80}: {error}.") from error
    if isinstance(item, enum.Enum):
        return item.value
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        # As orjson has it: without those that begin with an underscore.
        names = (field.name for field in dataclasses.fields(item))
        return {name: getattr(item, name) for name in names if not name.startswith("_")}
    return to_jsonable(item)
