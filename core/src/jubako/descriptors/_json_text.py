"""JSON text ⇄ Python values, strictly: what is no JSON is refused when read, and never written.

Reading: UTF-8 without byte order mark, at most 1024 levels, no `NaN` or `Infinity`, no lone surrogates, no name twice
in one object: of such names one reader takes the first and another the last, and what one has checked the other does
not use. Whole numbers of more than 64 bits are read as the nearest float.
Writing: NaN and infinities become `null`, for JSON has no such numbers. Whole numbers may have any length, and values
2048 levels.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import json
import re
from collections import Counter
from pathlib import PurePath
from typing import Any

import attrs
import numpy as np
import orjson

from jubako.descriptors._json_steps import dump_by_steps
from jubako.errors import BadInput, InvalidArgument

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
# A text, and the colon after it if it is a name.
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?', re.DOTALL)
_EXPECTED = "one JSON value in UTF-8, nested at most 1024 levels, with finite numbers"


def parse_json(body: bytes) -> Any:
    """Read one JSON value.

    Raises:
        BadInput: it is no JSON; `field` says the line and column.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not body.strip():
            raise BadInput("the body is empty.", expected=_EXPECTED) from None
        place = f"line {error.lineno}, column {error.colno}"
        reason = error.msg.partition(": line ")[0]
        raise BadInput(f"the body is not JSON: {reason} at {place}.", field=place, expected=_EXPECTED) from error
    # Most bodies of models have no object, and cost one look at their bytes.
    if b"{" in body and not _has_unique_names(value, body):
        raise BadInput(f"{_repeated_name(body)} stands twice in one object.", expected="every name once in an object")
    return value


def dump_json(value: Any) -> bytes:
    """Write a value as compact JSON in UTF-8.

    Beside what JSON knows: numpy arrays and numbers, dataclasses, attrs and pydantic objects, pandas frames and series
    (as their `to_dict()`), tuples, sets, dates, UUIDs, enum members; decimals and paths as text.

    Raises:
        InvalidArgument: something in it cannot be written; the message names its type.
    """
    try:
        return orjson.dumps(value, _to_jsonable, _OPTIONS)
    except orjson.JSONEncodeError:
        # orjson gives arrays of another byte order to nobody; without its own way for arrays they come to us.
        return _dump_slowly(value)


def _has_unique_names(value: Any, body: bytes) -> bool:
    """True if the objects read have as many names as the text has; of equal ones orjson keeps the last, in silence.

    A reader that looks at every pair costs five times as much as orjson.
    """
    # There are never more names than colons; only texts with colons in them make a closer look needed.
    colons = body.count(b":")
    names = _count_names(value, colons)
    return names == colons or names == sum(map(bool, _TEXT.findall(body)))


def _count_names(value: Any, at_most: int) -> int:
    """The names of all objects in a value; looks no further once there are as many as there can be."""
    names = 0
    waiting = [value]
    while waiting and names < at_most:
        container = waiting.pop()
        items = container
        if type(container) is dict:
            names += len(container)
            items = container.values()
        waiting += [item for item in items if type(item) is list or type(item) is dict]
    return names


def _repeated_name(body: bytes) -> str:
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        times = Counter(name for name, _ in pairs)
        found.extend(name for name in times if times[name] > 1)

    # Python's reader gives up at about 1000 levels, orjson takes some more.
    with contextlib.suppress(RecursionError):
        json.loads(body, object_pairs_hook=look, parse_int=float)
    return f"the name {found[0][:80]!r}" if found else "a name"


def _dump_slowly(value: Any) -> bytes:
    try:
        return orjson.dumps(value, _to_jsonable, orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError as error:
        try:
            # A value that nothing can be made of is told at once.
            if isinstance(error.__cause__, InvalidArgument):
                raise error.__cause__
            return dump_by_steps(value, _to_jsonable)
        except InvalidArgument as cause:
            raise InvalidArgument(
                f"a result of type {type(value).__name__} cannot be written as JSON.",
                why=str(cause),
                do="return lists, dictionaries, text, numbers, arrays, or give JSON(json_encoder=…)",
            ) from error


def listed(array: np.ndarray[Any, Any]) -> Any:
    """Return nested lists (a single value for no dimension) that `dump_json` writes with every value unchanged.

    Raises:
        InvalidArgument: JSON has nothing for the dtype, such as complex numbers.
    """
    kind = array.dtype.kind
    if kind in "cSVm":
        raise InvalidArgument(f"JSON has no values of dtype {array.dtype}.", do="convert the array first")
    if kind == "M":
        return np.datetime_as_string(array).tolist()
    # Only a longdouble stays a numpy object in tolist().
    return array.astype(np.float64).tolist() if array.dtype.char == "g" else array.tolist()


def _to_jsonable(value: Any) -> Any:
    """What orjson can write instead of a value that it cannot."""
    if isinstance(value, np.ndarray):
        return listed(value)
    if isinstance(value, np.generic):
        return listed(np.asarray(value))
    if isinstance(value, tuple | set | frozenset):
        # orjson leaves subclasses of tuple to us.
        return list(value)
    if isinstance(value, decimal.Decimal):
        # As text, every digit is kept.
        return str(value) if value.is_finite() else None
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, dt.date | dt.time):
        # Of subclasses, such as pandas' timestamps; its "not a time" is one of them, and equals nothing.
        return value.isoformat() if value == value else None
    if attrs.has(type(value)):
        return attrs.asdict(value, recurse=False)
    # pydantic and pandas are recognized by what they can do: neither is needed here.
    if type(value).__name__ == "NAType" and type(value).__module__.startswith("pandas."):
        return None
    for method, arguments in (("model_dump", {"mode": "json"}), ("to_dict", {})):
        convert = getattr(value, method, None)
        if callable(convert) and not isinstance(value, type):
            return convert(**arguments)
    kind = type(value)
    raise InvalidArgument(f"It holds a {kind.__module__}.{kind.__qualname__}, which JSON has nothing for.")
