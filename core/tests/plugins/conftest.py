"""Texts of plugins that tests install."""

from __future__ import annotations

from collections.abc import Callable

import pytest

HEAD = """
import jubako
from jubako.contracts.offers import BuildStepType, PayloadType, RunnerType, SerializerType, StoreType
"""

OFFER = """RunnerType(
    name={name!r}, summary="Runs toys.", requires={requires!r}, aliases={aliases!r},
    save="jubako_{module}:save", load="jubako_{module}:load", load_runner="jubako_{module}:load_runner",
)"""


@pytest.fixture
def runner_plugin() -> Callable[..., str]:
    """Return a function that writes the text of a plugin with one runner type, followed by what it is given."""

    def write(
        name: str, *, aliases: tuple[str, ...] = (), requires: tuple[str, ...] = (), module: str = "", more: str = ""
    ) -> str:
        offer = OFFER.format(name=name, requires=requires, aliases=aliases, module=module or name)
        hook = f"@jubako.hookimpl\ndef jubako_register_runner_types():\n    yield {offer}\n"
        functions = "def save(): return 'saved'\ndef load(): return 'loaded'\ndef load_runner(): return 'runner'\n"
        return f"{HEAD}\n{hook}\n{functions}\n{more}\n"

    return write


@pytest.fixture
def hooks_plugin() -> Callable[[str], str]:
    """Return a function that writes the text of a plugin of the given hooks."""
    return lambda text: f"{HEAD}\n{text}\n"
