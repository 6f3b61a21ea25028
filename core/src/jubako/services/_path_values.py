"""Texts of a path as the values that a function's annotations ask for."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from jubako.errors import BadInput

Converter = Callable[[str, str], Any]
"""From a parameter's name and its text to the value; raises BadInput, which names both."""

# Longer numbers are no keys of anything. int() and float() would also take signs, spaces, underscores and other digits.
_INTEGER = re.compile(r"-?[0-9]{1,40}")
_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,4})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def converter_for(annotation: Any, *, takes_all: bool) -> Converter | None:
    """Return what reads a path's parameter with this annotation, or None; one that takes slashes is text."""
    if annotation is str or annotation is inspect.Parameter.empty:
        return _read_text
    if takes_all or not isinstance(annotation, type):
        return None
    return _CONVERTERS.get(annotation)


def schema_of(converter: Converter) -> dict[str, Any]:
    """The JSON schema of the texts that one of these converters reads."""
    return dict(_SCHEMAS[converter])


def _read_text(name: str, text: str) -> str:
    return text


def _read_integer(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise _refused(name, text, "a whole number")
    return int(text)


def _read_number(name: str, text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    if math.isinf(value):
        raise _refused(name, text, "a number")
    return value


def _read_uuid(name: str, text: str) -> UUID:
    if not _UUID.fullmatch(text):
        raise _refused(name, text, "a UUID")
    return UUID(text)


_CONVERTERS: dict[type, Converter] = {int: _read_integer, float: _read_number, UUID: _read_uuid}
_SCHEMAS: dict[Converter, dict[str, Any]] = {
    _read_text: {"type": "string", "minLength": 1},
    _read_integer: {"type": "integer"},
    _read_number: {"type": "number"},
    _read_uuid: {"type": "string", "format": "uuid"},
}


def _refused(name: str, text: str, expected: str) -> BadInput:
    return BadInput(f"{name} in the path is {text[:80]!r}.", field=name, expected=expected)
