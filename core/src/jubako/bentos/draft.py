"""`Draft`: the Bento being built, as build steps see it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from jubako.contracts.store import Store
from jubako.services.service import Service
from jubako.values.tag import Tag


@attrs.frozen
class Draft:
    """See `contracts.build_step.BuildDraft`; the stores are those of the current workspace.

    Args:
        folder: where the Bento's files are written.
        context: the folder that is built from.
        service: the imported Service.
        options: the build options, JSON-like.
        asked_models: what the Service's import asked for: exact tags, and the stores that they came from.
        relock: True makes the lock of packages anew.
    """

    folder: Path
    context: Path
    service: Service
    options: Mapping[str, Any]
    asked_models: Mapping[Tag, Store] = attrs.field(factory=dict)
    relock: bool = False
