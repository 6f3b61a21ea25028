"""Examples of what schemas take, to begin a request with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Deep enough for nested models, and an end for those that hold themselves.
_DEEPEST = 12
_LONGEST_EXAMPLE = 16 * 1024
_WIDTH = 88

_TEXTS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "name@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "binary": "",
}


def make_example(schema: object, schemas: Mapping[str, Any]) -> Any:
    """Return a JSON value of a schema's form: its own example or default if it has one, else a small one.

    It is a beginning and no promise: patterns, and conditions between values, are not looked at. It is None for a
    schema of nothing else, and where it would be longer than 16 KiB.

    Args:
        schema: JSON schema, as OpenAPI 3.1 has it.
        schemas: the document's components, which references name.
    """
    try:
        return _example(schema, schemas, _DEEPEST)
    except _TooLongError:
        return None


def lay_out(value: Any) -> str:
    """Write a JSON value over several lines, with every part that fits in one line in one line."""
    return _lay_out(value, 0)


class _TooLongError(Exception):
    """The example would fill the page."""


def _example(schema: object, schemas: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth == 0:
        return None
    if "$ref" in schema:
        target = str(schema["$ref"]).rpartition("/")[2]
        return _example(schemas.get(target), schemas, depth - 1)
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    for key in ("oneOf", "anyOf"):
        options = [option for option in schema.get(key, ()) if option != {"type": "null"}]
        if options:
            return _example(options[0], schemas, depth - 1)
    if schema.get("allOf"):
        made = [_example(option, schemas, depth - 1) for option in schema["allOf"]]
        objects = [value for value in made if isinstance(value, dict)]
        return {key: value for part in objects for key, value in part.items()} if objects else made[0]
    return _example_of_type(schema, schemas, depth)


def _example_of_type(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:
    named = schema.get("type", "object" if "properties" in schema else "")
    types = named if isinstance(named, list) else [named]
    chosen = next((name for name in types if name != "null"), "null")
    match chosen:
        case "object":
            return _object(schema, schemas, depth)
        case "array":
            return _array(schema, schemas, depth)
        case "string":
            text = _TEXTS.get(str(schema.get("format", "")), "text")
            return text.ljust(min(int(schema.get("minLength", 0)), _LONGEST_EXAMPLE), "x")[: schema.get("maxLength")]
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
    return {}


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> dict[str, Any]:
    required = schema.get("required", ())
    made = {
        name: _example(part, schemas, depth - 1)
        for name, part in schema.get("properties", {}).items()
        # Far down only what must be there: a model that holds itself has an end.
        if name in required or depth > _DEEPEST // 2
    }
    further = schema.get("additionalProperties")
    if not made and isinstance(further, Mapping):
        made["name"] = _example(further, schemas, depth - 1) if further else 1
    return made


def _array(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> list[Any]:
    first = [_example(part, schemas, depth - 1) for part in schema.get("prefixItems", ())]
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return first
    least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", 3))
    if items == {}:
        return [*first, 1, 2, 3][:most]
    count = max(least, min(most, 1)) - len(first)
    item = _example(items, schemas, depth - 1)
    if len(json.dumps(item)) * count > _LONGEST_EXAMPLE:
        raise _TooLongError
    return first + [item] * count


def _number(schema: Mapping[str, Any]) -> int | float:
    number: int | float = schema.get("multipleOf", 1)
    if "minimum" in schema:
        number = max(number, schema["minimum"])
    if "exclusiveMinimum" in schema:
        number = max(number, schema["exclusiveMinimum"] + 1)
    if "maximum" in schema:
        number = min(number, schema["maximum"])
    if "exclusiveMaximum" in schema and number >= schema["exclusiveMaximum"]:
        number = schema["exclusiveMaximum"] - 1
    return number


def _lay_out(value: Any, indent: int) -> str:
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + indent <= _WIDTH or not isinstance(value, dict | list) or not value:
        return short
    space, inner = " " * indent, " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_lay_out(item, indent + 2)}" for key, item in value.items()]
    else:
        parts = [_lay_out(item, indent + 2) for item in value]
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    return f"{opened}\n" + ",\n".join(inner + part for part in parts) + f"\n{space}{closed}"
