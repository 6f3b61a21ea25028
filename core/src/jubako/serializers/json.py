"""`JsonSerializer`: one JSON value in `value.json`, for objects that come back equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jubako.contracts.serializer import Serializer
from jubako.errors import InvalidArgument, InvalidManifest

FILE_NAME = "value.json"
_TYPES = (dict, list, str, int, float, bool, type(None))


class JsonSerializer(Serializer):
    """JSON in UTF-8, for dictionaries with text keys, lists, texts, numbers, booleans and None."""

    def can_dump(self, model: Any) -> bool:
        """True if the outermost type is one of JSON's; what is inside shows when it is written."""
        return type(model) in _TYPES

    def dump(self, model: Any, folder: Path) -> None:
        """Write `value.json`, unless reading it would give anything but an equal object."""
        try:
            text = json.dumps(model, allow_nan=False)
            difference = _difference(json.loads(text), model, "$")
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArgument("the object cannot be written as JSON.", why=f"{error}.") from error
        if difference:
            raise InvalidArgument("the object cannot be written as JSON.", why=difference)
        with (folder / FILE_NAME).open("x", encoding="utf-8") as file:
            file.write(text)

    def load(self, folder: Path) -> Any:
        """Read `value.json`."""
        path = folder / FILE_NAME
        try:
            return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidManifest(f"{path} cannot be read as JSON.", why=f"{error}.") from error


def _difference(read: Any, written: Any, path: str) -> str:
    """Say where the two differ in type or value; empty if nowhere. Python's `==` would take True for 1."""
    if type(read) is not type(written):
        return f"{path} is of type {type(written).__name__}, and would be read as {type(read).__name__}."
    if isinstance(written, dict):
        if list(read) != list(written):
            return f"{path} has keys that are not text."
        differences = (_difference(read[key], written[key], f"{path}.{key}") for key in written)
    elif isinstance(written, list):
        differences = (_difference(*pair, f"{path}[{at}]") for at, pair in enumerate(zip(read, written, strict=True)))
    else:
        return "" if read == written else f"{path} would be read as another value."
    return next(filter(None, differences), "")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
