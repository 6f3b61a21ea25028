"""Runners of a stored model: the bases of those that `load_runner` makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jubako.models
from jubako.contracts.store import Store
from jubako.models import Model
from jubako.runners.runner import Runner, RunnerDefinition, SimpleRunner
from jubako.runners.specs import RUN, MethodSpec
from jubako.values.signature import Signature
from jubako.values.tag import Tag

_CALL_METHOD = "_run_model_method"


class ModelRunnerDefinition(RunnerDefinition):
    """What `ModelRunner` and `SimpleModelRunner` share: one version of one model.

    The tag is resolved when the runner is made, so that a `latest` saved later does not change what is served. Nothing
    is loaded before `_setup`.

    A subclass that defines `_run_model_method(self, method, *args, **kwargs)`, which computes one method of the loaded
    model as `_run_batch` computes the runner's own, offers every method of the model's signatures:
    `runner.method("predict_proba").run(x)`, and `runner.predict_proba.run(x)` where the runner has no attribute of that
    name.

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

    def _further_methods(self) -> Mapping[str, MethodSpec]:
        methods = {
            name: MethodSpec(name, _CALL_METHOD, signature, self._takes_batches(signature), leading=(name,))
            for name, signature in self._model_signatures().items()
            if name != RUN
        }
        return {**methods, **super()._further_methods()}

    def _model_signatures(self) -> Mapping[str, Signature]:
        model: Model | None = self.__dict__.get("model")
        return model.info.signatures if model is not None and hasattr(type(self), _CALL_METHOD) else {}

    def _takes_batches(self, signature: Signature) -> bool:
        return signature.batchable or isinstance(self, Runner)

    def __getattr__(self, name: str) -> Any:
        if name in self._model_signatures():
            return self.method(name)
        # Says what there is not as Python does, or as the attribute itself has it.
        return object.__getattribute__(self, name)


class ModelRunner(ModelRunnerDefinition, Runner):
    """A runner of one version of one model that computes batches; see `ModelRunnerDefinition`."""


class SimpleModelRunner(ModelRunnerDefinition, SimpleRunner):
    """A runner of one version of one model that takes one call at a time; see `ModelRunnerDefinition`."""
