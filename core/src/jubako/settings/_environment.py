"""Which names of the environment are settings, and what those were probably meant to be that are none."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from jubako.settings.sections import Settings

CONFIG_NAME = "JUBAKO_CONFIG"
PLAIN_NAMES = {
    "JUBAKO_HOME": "stores.home",
    "JUBAKO_MODEL_STORE": "stores.model_store",
    "JUBAKO_BENTO_STORE": "stores.bento_store",
    "JUBAKO_PLUGINS": "plugins.allow",
    "JUBAKO_DISABLE_PLUGINS": "plugins.disable",
}
_PREFIX = "JUBAKO_"
# Nearer than Kubernetes' names for a service called `jubako`, such as JUBAKO_PORT, are to anything.
_NEARNESS = 0.85


def key_of(name: str) -> list[str] | None:
    """The parts of the key that a name sets; None if it is none of `JUBAKO_<SECTION>__<KEY>`."""
    if not name.startswith(_PREFIX) or "__" not in name:
        return None
    return name.removeprefix(_PREFIX).lower().split("__")


def passed_over(environment: Mapping[str, str]) -> list[str]:
    """The names with our prefix that are no settings, sorted, each with what was probably meant if that is plain."""
    strangers = [
        name
        for name in sorted(environment)
        if name.startswith(_PREFIX) and "__" not in name and name not in PLAIN_NAMES and name != CONFIG_NAME
    ]
    return [f"{name}{_hint(name)}" for name in strangers]


def _hint(name: str) -> str:
    meant = [known for known in _long_names(Settings, _PREFIX) if known.replace("__", "_") == name]
    meant += difflib.get_close_matches(name, [*PLAIN_NAMES, CONFIG_NAME], n=1, cutoff=_NEARNESS)
    return f" (did you mean {meant[0]}?)" if meant else ""


def _long_names(section: Any, prefix: str) -> Iterator[str]:
    for name, kind in typing.get_type_hints(section).items():
        if attrs.has(kind):
            yield from _long_names(kind, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"
