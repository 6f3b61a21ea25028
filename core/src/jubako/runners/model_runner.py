"""`ModelRunner`: the base of runners that `load_runner` makes of a stored model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jubako.models
from jubako.contracts.store import Store
from jubako.models import Model
from jubako.runners.runner import Runner
from jubako.values.tag import Tag


class ModelRunner(Runner):
    """A runner of one version of one model.

    The tag is resolved when the runner is made, so that a `latest` saved later does not change what is served. Nothing
    is loaded before `_setup`.

    Args:
        tag: the model's tag; without a version, the newest.
        name: the runner's name; the model's if None.
        _model_store: where the model is; the current workspace's store if None.

    Attributes:
        tag: exact.
        model: the stored version, with `info`, `path_of` and `custom_objects`; what `_setup` loads from it needs
            another name.
        model_store: as it was given; None stands for the current workspace's store.
        load_arguments: what `load_runner` of the model's runner type was given besides tag, name and store, JSON-like,
            so that a replica can be given the same without the user's module; None if the runner was made in another
            way. Filled in by `load_runner`.

    Raises:
        NotFound: there is no such model.
    """

    def __init__(self, tag: Tag | str, *, name: str | None = None, _model_store: Store | None = None) -> None:
        self.model: Model = jubako.models.get(tag, _model_store=_model_store)
        self.tag: Tag = self.model.tag
        self.model_store = _model_store
        self.load_arguments: Mapping[str, Any] | None = None
        super().__init__(name)

    @property
    def default_name(self) -> str:
        """The model's name."""
        return self.tag.name

    @property
    def required_models(self) -> Sequence[Tag]:
        """The one model."""
        return (self.tag,)
