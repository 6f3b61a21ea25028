"""JSON values that hold no others, as Python types."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable
from typing import Any

import attrs

from jubako.descriptors._json_types import Definitions, JsonType, Mismatch, Work, named, wrong_kind

# Text formats of JSON Schema, and what reads them.
_TEXTUAL: dict[type, tuple[str, str, Callable[[str], Any]]] = {
    dt.datetime: ("date-time", "a date with its time, by ISO 8601", dt.datetime.fromisoformat),
    dt.date: ("date", "a date, by ISO 8601", dt.date.fromisoformat),
    dt.time: ("time", "a time, by ISO 8601", dt.time.fromisoformat),
    uuid.UUID: ("uuid", "a UUID", uuid.UUID),
}
_PLAIN = {str: ("string", "text"), bool: ("boolean", "a boolean"), type(None): ("null", "null")}


class Anything(JsonType):
    """Every JSON value."""

    def read(self, value: Any, work: Work) -> Any:
        """Return the value."""
        return value

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """The schema that takes all."""
        return {}


@attrs.frozen
class Plain(JsonType):
    """Text, a boolean, or null.

    Args:
        python_type: str, bool, or NoneType.
    """

    python_type: type

    def read(self, value: Any, work: Work) -> Any:
        """Return the value if it is of the type."""
        if type(value) is not self.python_type:
            raise wrong_kind(value, _PLAIN[self.python_type][1])
        return value

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """The name of the type."""
        return {"type": _PLAIN[self.python_type][0]}


class Integer(JsonType):
    """A whole number, written with or without `.0`."""

    def read(self, value: Any, work: Work) -> int:
        """Return the integer."""
        if type(value) is int:
            return value
        if type(value) is float and value.is_integer():
            return int(value)
        raise wrong_kind(value, "an integer")

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """The name of the type."""
        return {"type": "integer"}


class Number(JsonType):
    """Any number."""

    def read(self, value: Any, work: Work) -> float:
        """Return the number as a float."""
        if type(value) is float or type(value) is int:
            return float(value)
        raise wrong_kind(value, "a number")

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """The name of the type."""
        return {"type": "number"}


class DecimalNumber(JsonType):
    """A number, or one in a text, which keeps every digit."""

    def read(self, value: Any, work: Work) -> decimal.Decimal:
        """Return the decimal."""
        expected = "a number, or a decimal number as text"
        if type(value) not in (str, int, float):
            raise wrong_kind(value, expected)
        try:
            number = decimal.Decimal(str(value))
        except decimal.InvalidOperation:
            raise Mismatch(f"{value[:40]!r} is no decimal number", expected) from None
        if not number.is_finite():
            raise Mismatch(f"{value} is not finite", expected)
        return number

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """Both forms."""
        return {"type": ["number", "string"]}


@attrs.frozen
class Textual(JsonType):
    """A value that JSON has as text.

    Args:
        python_type: one of `TEXTUAL_TYPES`.
    """

    python_type: type

    def read(self, value: Any, work: Work) -> Any:
        """Return what the text says."""
        _, expected, parse = _TEXTUAL[self.python_type]
        if type(value) is not str:
            raise wrong_kind(value, f"{expected}, as text")
        try:
            return parse(value)
        except ValueError:
            raise Mismatch(f"{value[:40]!r} is not {expected}", expected) from None

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """A string with its format."""
        return {"type": "string", "format": _TEXTUAL[self.python_type][0]}


TEXTUAL_TYPES = frozenset(_TEXTUAL)


@attrs.frozen
class Choice(JsonType):
    """One of some values, for `Literal` and enums.

    Args:
        choices: JSON value and Python value of each.
        name: an enum's, for the schema's title; empty for none.
    """

    choices: tuple[tuple[Any, Any], ...]
    name: str = ""

    def read(self, value: Any, work: Work) -> Any:
        """Return the Python value of the choice."""
        for written, chosen in self.choices:
            # In Python 1 == True == 1.0; in JSON they are three.
            if type(written) is type(value) and written == value:
                return chosen
        shown = ", ".join(repr(written) for written, _ in self.choices)
        raise Mismatch(f"{named(value)} stands where a choice is expected", f"one of {shown}")

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """The list of values."""
        schema: dict[str, Any] = {"enum": [written for written, _ in self.choices]}
        return {"title": self.name, **schema} if self.name else schema
