"""What the three functions of a runner type take and give: `save`, `load` and `load_runner`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from jubako.contracts.store import Store
from jubako.values.signature import SignatureLike
from jubako.values.tag import Tag


class SaveModel(Protocol):
    """`jubako.<runner type>.save`; a runner type may take further keyword arguments.

    The first two are given by position: a runner type calls the model what its users call it.
    """

    def __call__(
        self,
        name: str,
        model: Any,
        /,
        *,
        signatures: Mapping[str, SignatureLike] | None = None,
        labels: Mapping[str, str] | None = None,
        custom_objects: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        _model_store: Store | None = None,
    ) -> Tag:
        """Store the model as a new version of `name` and return its exact tag."""


class LoadModel(Protocol):
    """`jubako.<runner type>.load`."""

    def __call__(self, tag: Tag | str, *, _model_store: Store | None = None) -> Any:
        """Return the model object.

        Raises:
            NotFound: there is no such model.
            InvalidArgument: another runner type saved it.
            ModelNotTrusted: its format can run code and it was not declared trusted here.
            ModelDigestMismatch: a file is not what the manifest says.
        """


class LoadRunner(Protocol):
    """`jubako.<runner type>.load_runner`; a runner type may take further keyword arguments, all JSON-like."""

    def __call__(self, tag: Tag | str, *, name: str | None = None, _model_store: Store | None = None) -> Any:
        """Return a `jubako.Runner` that serves the model; resolves the tag now, and loads nothing yet."""
