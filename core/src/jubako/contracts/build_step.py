"""`BuildStep`: one step of building a Bento, run in the order of fixed phases."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jubako.contracts.store import Store
    from jubako.values.tag import Tag


class BuildPhase(IntEnum):
    """When a step runs; steps of one phase run in the order of their names."""

    SOURCES = 10
    MODELS = 20
    ENVIRONMENT = 30
    DOCUMENTS = 40
    CHECKS = 50


class BuildDraft(Protocol):
    """The Bento being built, as a step sees it."""

    @property
    def folder(self) -> Path:
        """Where the Bento's files are written; `bento.yaml` is written by the core after all steps."""

    @property
    def context(self) -> Path:
        """The folder that is built from; read only, but for the lock that the python step keeps there."""

    @property
    def service(self) -> Any:
        """The imported `jubako.Service`."""

    @property
    def options(self) -> Mapping[str, Any]:
        """The build options, JSON-like."""

    @property
    def asked_models(self) -> Mapping[Tag, Store]:
        """The models that the Service asked for while it was imported: exact tags, and where they came from."""

    @property
    def relock(self) -> bool:
        """True if a lock that the context has is to be made anew."""


class BuildStep(Protocol):
    """A callable that adds files to the draft; checked by `jubako.testing.BuildStepTests`."""

    def __call__(self, draft: BuildDraft) -> None:
        """Write this step's files below `draft.folder`.

        The same draft gives the same bytes: no clock, no random names, files in sorted order.

        Raises:
            BuildError: the step cannot be done; the message says what to change.
        """
