"""`list_settings`: every setting with its dotted key, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from jubako.settings.sections import Settings


@attrs.frozen
class Setting:
    """One setting.

    Args:
        key: with dots, such as `server.port`.
        value: what is in force.
        is_secret: True if the value must not be shown.
    """

    key: str
    value: Any = attrs.field(repr=False)
    is_secret: bool


def list_settings(settings: Settings) -> Iterator[Setting]:
    """Every setting, in the order of the documentation; of named runners only what is changed.

    Args:
        settings: what is listed.
    """
    return _listed(settings, "", is_change=False)


def _listed(section: Any, prefix: str, *, is_change: bool) -> Iterator[Setting]:
    for field in attrs.fields(type(section)):
        key, value = f"{prefix}{field.name}", getattr(section, field.name)
        if attrs.has(type(value)):
            yield from _listed(value, f"{key}.", is_change=is_change)
        elif isinstance(value, Mapping) and value:
            for name, one in value.items():
                yield from _listed(one, f"{key}.{name}.", is_change=True)
        elif not is_change or value is not None:
            # What must not be shown is left out of `repr` already.
            yield Setting(key, value, is_secret=not field.repr)
