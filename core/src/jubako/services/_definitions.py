"""Definitions of schemas (`$defs`), moved to the components of an OpenAPI document."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any


def lift_definitions(part: Any, schemas: dict[str, Any]) -> Any:
    """Move every `$defs` of a schema to the document's components, for `#` means the document once it stands in one.

    Args:
        part: any part of a document; it is left as it is.
        schemas: the components; what is moved is added here, under a free name unless an equal one is there already.

    Returns:
        The part with its references changed.
    """
    if isinstance(part, list):
        return [lift_definitions(item, schemas) for item in part]
    if not isinstance(part, dict):
        return part
    definitions = part.get("$defs")
    if not isinstance(definitions, dict) or not definitions:
        return {key: lift_definitions(value, schemas) for key, value in part.items()}
    rest = {key: value for key, value in part.items() if key != "$defs"}
    places = _find_places(definitions, schemas)
    for name, definition in definitions.items():
        # A definition may have definitions of its own. A place that was found for an equal one is written again.
        moved = _redirected(definition, places)
        schemas[places[f"#/$defs/{name}"].rpartition("/")[2]] = lift_definitions(moved, schemas)
    return lift_definitions(_redirected(rest, places), schemas)


def _find_places(definitions: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, str]:
    """Where each definition goes: all where equal ones are already, or all to names that are free."""
    names: dict[str, str] = {}
    for name in definitions:
        # Components are named with ASCII only.
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
        while plain in names.values():
            plain += "_"
        names[name] = plain
    for number in itertools.count(1):
        chosen = {name: plain if number == 1 else f"{plain}-{number}" for name, plain in names.items()}
        places = {f"#/$defs/{name}": f"#/components/schemas/{component}" for name, component in chosen.items()}
        if all(
            component not in schemas or schemas[component] == _redirected(definitions[name], places)
            for name, component in chosen.items()
        ):
            break
    return places


def _redirected(part: Any, places: Mapping[str, str], *, is_mapping: bool = False) -> Any:
    if isinstance(part, list):
        return [_redirected(item, places) for item in part]
    if not isinstance(part, dict):
        return part
    # References stand under `$ref`, and as the values of a discriminator's mapping.
    return {
        key: places.get(value, value)
        if isinstance(value, str) and (is_mapping or key == "$ref")
        else _redirected(value, places, is_mapping=key == "mapping")
        for key, value in part.items()
    }
