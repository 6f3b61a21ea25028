"""JSON values that hold others, and alternatives, as Python types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from jubako.descriptors._json_types import Definitions, JsonType, Mismatch, Work, read_at, wrong_kind


@attrs.frozen
class Listing(JsonType):
    """A list of any length.

    Args:
        item: what it holds.
        make: builds the Python container of the list of items.
        is_set: True if no item stands twice.
    """

    item: JsonType
    make: Callable[[list[Any]], Any] = list
    is_set: bool = False

    def read(self, value: Any, work: Work) -> Any:
        """Return the container of what the items read."""
        if type(value) is not list:
            raise wrong_kind(value, "a list")
        work.spend(len(value))
        items = [read_at(position, self.item, item, work) for position, item in enumerate(value)]
        try:
            return self.make(items)
        except TypeError as error:
            raise Mismatch(f"the list cannot be made a set: {error}", "values that can stand in a set") from None

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """An array of items."""
        schema = {"type": "array", "items": self.item.describe(definitions)}
        return {**schema, "uniqueItems": True} if self.is_set else schema


@attrs.frozen
class FixedTuple(JsonType):
    """A list of fixed length, each place with its own type.

    Args:
        items: the types.
    """

    items: tuple[JsonType, ...]

    def read(self, value: Any, work: Work) -> tuple[Any, ...]:
        """Return the tuple."""
        expected = f"a list of {len(self.items)} values"
        if type(value) is not list:
            raise wrong_kind(value, expected)
        if len(value) != len(self.items):
            raise Mismatch(f"the list has {len(value)} values", expected)
        work.spend(len(value))
        pairs = enumerate(zip(self.items, value, strict=True))
        return tuple(read_at(position, kind, item, work) for position, (kind, item) in pairs)

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """An array with its places."""
        places = [item.describe(definitions) for item in self.items]
        return {"type": "array", "prefixItems": places, "minItems": len(places), "maxItems": len(places)}


@attrs.frozen
class Dictionary(JsonType):
    """An object with any names.

    Args:
        value: what it holds.
    """

    value: JsonType

    def read(self, value: Any, work: Work) -> dict[str, Any]:
        """Return the dictionary of what the values read."""
        if type(value) is not dict:
            raise wrong_kind(value, "an object")
        work.spend(len(value))
        return {name: read_at(name, self.value, item, work) for name, item in value.items()}

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """An object with values of one kind."""
        values = self.value.describe(definitions)
        return {"type": "object", "additionalProperties": values} if values else {"type": "object"}


@attrs.frozen
class OneOf(JsonType):
    """One of several types: the first that takes the value.

    Args:
        alternatives: at least one.
    """

    alternatives: tuple[JsonType, ...]

    def read(self, value: Any, work: Work) -> Any:
        """Return what the first fitting alternative reads; if none fits, tell of the one that came furthest."""
        furthest: Mismatch | None = None
        expected: list[str] = []
        for alternative in self.alternatives:
            try:
                return alternative.read(value, work)
            except Mismatch as mismatch:
                if work.is_over:
                    raise
                if not mismatch.steps:
                    expected.append(mismatch.expected)
                if furthest is None or len(mismatch.steps) > len(furthest.steps):
                    furthest = mismatch
        if furthest is not None and furthest.steps:
            raise furthest
        raise wrong_kind(value, " or ".join(dict.fromkeys(expected)))

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """All alternatives."""
        return {"anyOf": [alternative.describe(definitions) for alternative in self.alternatives]}


@attrs.frozen
class Field:
    """One name of a record.

    Args:
        name: in JSON.
        argument: of the record's constructor.
        kind: what stands there.
        is_required: True if it cannot be left out.
        default: what the schema shows as default; None if there is none, or it is no plain value.
    """

    name: str
    argument: str
    kind: JsonType
    is_required: bool
    default: Any = None


class Record(JsonType):
    """An object with fixed names, which becomes an object of a class; other names are passed over.

    Args:
        name: of the class.
        doc: what the schema says of it, or empty.
        make: builds the object of keyword arguments.
    """

    def __init__(self, name: str, doc: str, make: Callable[..., Any]) -> None:
        self.name = name
        self.fields: tuple[Field, ...] = ()
        self._doc = doc
        self._make = make

    def read(self, value: Any, work: Work) -> Any:
        """Return the object of the class."""
        if type(value) is not dict:
            raise wrong_kind(value, f"an object with the names of {self.name}")
        work.spend(len(self.fields))
        arguments: dict[str, Any] = {}
        for field in self.fields:
            if field.name in value:
                arguments[field.argument] = read_at(field.name, field.kind, value[field.name], work)
            elif field.is_required:
                raise Mismatch("it is missing", f"a value for every required name of {self.name}", [field.name])
        try:
            return self._make(**arguments)
        except (ValueError, TypeError, AssertionError) as error:
            # The class's own validators.
            raise Mismatch(f"{self.name} refuses it: {error}", f"a valid {self.name}") from error

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """A reference to the record's schema."""
        return definitions.reference(self, self.name, self.describe_fields)

    def describe_fields(self, definitions: Definitions) -> dict[str, Any]:
        """The schema itself."""
        properties = {field.name: _described(field, definitions) for field in self.fields}
        schema: dict[str, Any] = {"title": self.name, "type": "object", "properties": properties}
        required = [field.name for field in self.fields if field.is_required]
        if required:
            schema["required"] = required
        return {**schema, "description": self._doc} if self._doc else schema


def _described(field: Field, definitions: Definitions) -> dict[str, Any]:
    schema = field.kind.describe(definitions)
    return schema if field.default is None else {**schema, "default": field.default}
