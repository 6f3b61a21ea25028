"""JSON schemas: definitions put in where they are named, and the types of an example."""

from __future__ import annotations

from typing import Any, TypedDict

_PREFIX = "#/$defs/"


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with every definition put in its place; the definitions stay for those that hold themselves."""
    definitions: dict[str, Any] = schema.get("$defs", {})
    recursive: set[str] = set()

    def resolve(part: Any, opened: tuple[str, ...]) -> Any:
        if isinstance(part, list):
            return [resolve(item, opened) for item in part]
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).removeprefix(_PREFIX)
        rest = {key: resolve(value, opened) for key, value in part.items() if key != "$ref"}
        if "$ref" not in part or name not in definitions:
            return rest if "$ref" not in part else {"$ref": part["$ref"], **rest}
        if name in opened:
            recursive.add(name)
            return {"$ref": part["$ref"], **rest}
        return {**resolve(definitions[name], (*opened, name)), **rest}

    plain = resolve({key: value for key, value in schema.items() if key != "$defs"}, ())
    return {**plain, "$defs": definitions} if recursive else plain


def annotation_of_sample(sample: Any) -> Any:
    """The annotation of values like a sample: dictionaries with the same names, lists of the same kinds of items.

    Numbers stand for all numbers, null and empty lists for anything.
    """
    if isinstance(sample, bool | str):
        return type(sample)
    if isinstance(sample, int | float):
        return int | float
    if isinstance(sample, list | tuple):
        kinds: list[Any] = []
        for item in sample:
            kind = annotation_of_sample(item)
            if kind not in kinds:
                kinds.append(kind)
        return list[_union(kinds)]  # type: ignore[misc]  # made at run time
    if isinstance(sample, dict) and all(isinstance(name, str) for name in sample):
        names = {name: annotation_of_sample(value) for name, value in sample.items()}
        return TypedDict("Sample", names)  # type: ignore[operator]  # made at run time
    return Any if sample is None else type(sample)


def _union(kinds: list[Any]) -> Any:
    if not kinds or Any in kinds:
        return Any
    union = kinds[0]
    for kind in kinds[1:]:
        union = union | kind
    return union
