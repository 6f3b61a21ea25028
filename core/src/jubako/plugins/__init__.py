"""Plugins: found without being imported, loaded one by one, reported on, and composed into one frozen value."""

from __future__ import annotations

from jubako.plugins.composing import compose
from jubako.plugins.composition import Composition
from jubako.plugins.discovery import Candidate, discover
from jubako.plugins.explaining import explain_faults
from jubako.plugins.extending import Extended, extend_application
from jubako.plugins.kinds import kind_noun, names_of
from jubako.plugins.placing import place_runner
from jubako.plugins.report import MissingRequirement, PluginReport, PluginStatus

__all__ = [
    "Candidate",
    "Composition",
    "Extended",
    "MissingRequirement",
    "PluginReport",
    "PluginStatus",
    "compose",
    "discover",
    "explain_faults",
    "extend_application",
    "kind_noun",
    "names_of",
    "place_runner",
]
