"""Python types as kinds of JSON values: each reads what it takes, says where another stands, and describes itself.

Nothing is converted but what JSON has no values for: dates, UUIDs and decimals are read from text, whole floats are
integers, lists become tuples and sets. A text is never a number, and a boolean neither. This module holds what all
kinds share.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_NAME = re.compile(r"[^\W\d]\w*")


class Mismatch(Exception):
    """A value is not what its type takes.

    Args:
        problem: what is wrong, a clause without its place.
        expected: what would be right.
        steps: names and positions from where it was found down to the value.
    """

    def __init__(self, problem: str, expected: str, steps: Iterable[str | int] = ()) -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.steps = list(steps)

    def below(self, step: str | int) -> Mismatch:
        """The same, as seen from one level above."""
        self.steps.insert(0, step)
        return self


def path_of(steps: Iterable[str | int]) -> str:
    """A path such as `$.rows[3]`, with brackets round names that are no identifiers."""
    parts = (f".{step}" if isinstance(step, str) and _NAME.fullmatch(step) else f"[{step!r}]" for step in steps)
    return "$" + "".join(parts)


class Work:
    """How many values may still be looked at; alternatives inside alternatives could take time without end.

    Args:
        limit: values.
    """

    def __init__(self, limit: int) -> None:
        self._left = limit

    def spend(self, values: int) -> None:
        """Count values that are about to be read.

        Raises:
            Mismatch: they are too many.
        """
        self._left -= values + 1
        if self._left < 0:
            raise Mismatch("too many alternatives fit in part", "a value that one of the alternatives takes clearly")

    @property
    def is_over(self) -> bool:
        """True once nothing more is looked at."""
        return self._left < 0


class Definitions:
    """The schemas of records by their names, for one document."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}
        self._names: dict[int, str] = {}

    def reference(
        self, record: object, wanted: str, describe: Callable[[Definitions], dict[str, Any]]
    ) -> dict[str, Any]:
        """A `$ref` to a record's schema, which is made when it is first asked for: records may hold themselves.

        Args:
            record: what is described.
            wanted: its name; another record of that name gets a number.
            describe: makes the schema.
        """
        name = self._names.get(id(record))
        if name is None:
            name, number = wanted, 1
            while name in self.schemas:
                number += 1
                name = f"{wanted}{number}"
            self._names[id(record)] = name
            self.schemas[name] = {}
            self.schemas[name] = describe(self)
        return {"$ref": f"#/$defs/{name}"}


class JsonType(ABC):
    """One kind of JSON values; immutable once it is compiled."""

    @abstractmethod
    def read(self, value: Any, work: Work) -> Any:
        """Return the Python value of parsed JSON.

        Raises:
            Mismatch: it is of another kind.
        """

    @abstractmethod
    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """The JSON schema; those of records go to the definitions."""


def described(kind: JsonType) -> dict[str, Any]:
    """The whole schema of a type, with its records under `$defs` if there are any."""
    definitions = Definitions()
    schema = kind.describe(definitions)
    return {**schema, "$defs": definitions.schemas} if definitions.schemas else schema


def wrong_kind(value: Any, expected: str) -> Mismatch:
    """That a value of another kind stands where something is expected."""
    return Mismatch(f"{named(value)} stands where {expected} is expected", expected)


def named(value: Any) -> str:
    """What a JSON value is called in sentences."""
    if isinstance(value, bool):
        return "a boolean"
    names: Mapping[type, str] = {
        type(None): "null",
        str: "text",
        dict: "an object",
        list: "a list",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "a value")


def read_at(step: str | int, kind: JsonType, value: Any, work: Work) -> Any:
    """Read a value that stands below another, at a name or a position.

    Raises:
        Mismatch: with that step before its own.
    """
    try:
        return kind.read(value, work)
    except Mismatch as mismatch:
        raise mismatch.below(step) from mismatch.__cause__
