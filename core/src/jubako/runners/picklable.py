"""`jubako.picklable_model`: any Python object that can be pickled, as a model; the plain example of a runner type.

Everything here goes through what plugins use too: `save_object` and `load_object` with the format `cloudpickle`, which
is code, and the two base classes of runners of a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jubako.models
from jubako.contracts.store import Store
from jubako.errors import InvalidArgument
from jubako.models import load_object, save_object
from jubako.runners.model_runner import ModelRunner, ModelRunnerDefinition, SimpleModelRunner
from jubako.values.signature import SignatureLike, as_signatures
from jubako.values.tag import Tag

MODULE = "picklable_model"
_CALL = "__call__"


def save(
    name: str,
    obj: Any,
    *,
    signatures: Mapping[str, SignatureLike] | None = None,
    labels: Mapping[str, str] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    _model_store: Store | None = None,
) -> Tag:
    """Store any Python object as a new version of `name`: a function, a lambda, an instance of a class.

    What is defined in a script or a notebook is stored with it; what is imported is stored by its name, and must be
    importable where the model is loaded. The format is a pickle, which is code.

    Args:
        name: the model's name, without a version.
        obj: the object.
        signatures: its methods that runners call besides, and how; `__call__` stands for the object itself. Those that
            are batchable get batches.
        labels: text to text, for people and queries.
        custom_objects: further Python objects kept beside it.
        metadata: the user's own facts, JSON-like.
        _model_store: where to; the current workspace's store if None.

    Returns:
        The exact tag of the new version.

    Raises:
        InvalidArgument: the object cannot be pickled, or has no such method as a signature names.
    """
    given = as_signatures(signatures)
    for method in given:
        find_method(obj, method)
    return save_object(
        name,
        obj,
        module=MODULE,
        serializers=("cloudpickle",),
        signatures=given,
        labels=labels,
        custom_objects=custom_objects,
        metadata=metadata,
        framework_name="cloudpickle",
        framework_distributions=("cloudpickle",),
        _model_store=_model_store,
    )


def load(tag: Tag | str, *, _model_store: Store | None = None) -> Any:
    """Return the object.

    Args:
        tag: the model's tag; without a version, the newest.
        _model_store: where it is; the current workspace's store if None.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: another runner type saved it.
        ModelNotTrusted: it was saved elsewhere, and was not declared trusted here.
        ModelDigestMismatch: a file is not what the manifest says.
        MissingDependency: it needs a module that is not installed here.
    """
    return load_object(tag, module=MODULE, _model_store=_model_store)


def load_runner(
    tag: Tag | str,
    *,
    name: str | None = None,
    method_name: str = _CALL,
    batch: bool | None = None,
    _model_store: Store | None = None,
) -> PicklableModelRunner | SimplePicklableModelRunner:
    """Return a runner of one method of the object; resolves the tag now, and loads nothing yet.

    Args:
        tag: the model's tag; without a version, the newest.
        name: the runner's name; the model's if None.
        method_name: the method that `run` calls; `__call__` for the object itself.
        batch: True for a `Runner`, whose method gets batches, False for a `SimpleRunner`. None takes it from the
            method's signature, and without one is False.
        _model_store: where the model is; the current workspace's store if None.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: `method_name` is no name of a method.
    """
    model = jubako.models.get(tag, _model_store=_model_store)
    signature = model.info.signatures.get(method_name)
    takes_batches = signature is not None and signature.batchable if batch is None else batch
    kind = PicklableModelRunner if takes_batches else SimplePicklableModelRunner
    runner = kind(model.tag, method_name, name=name, _model_store=_model_store)
    runner.load_arguments = {"method_name": method_name, "batch": takes_batches}
    return runner


class _OfObject(ModelRunnerDefinition):
    """What the two kinds share.

    Args:
        tag: the model's tag; without a version, the newest.
        method_name: the method that `run` calls.
        name: the runner's name; the model's if None.
        _model_store: where the model is; the current workspace's store if None.

    Attributes:
        method_name: the method.
    """

    def __init__(
        self,
        tag: Tag | str,
        method_name: str = _CALL,
        *,
        name: str | None = None,
        _model_store: Store | None = None,
    ) -> None:
        super().__init__(tag, name=name, _model_store=_model_store)
        self.method_name = _checked(method_name)

    @property
    def num_replica(self) -> int:
        """One for each whole processor of the runner's own `resource_quota`, since Python code uses one; else one."""
        return max(1, round(self.resource_quota.cpu or 1))

    def _setup(self) -> None:
        loaded = load_object(self.model, module=MODULE, _model_store=self.model_store)
        find_method(loaded, self.method_name)
        self._object = loaded

    def _run_model_method(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return find_method(self._object, method)(*args, **kwargs)


class PicklableModelRunner(_OfObject, ModelRunner):
    """Calls a method of a stored object with batches; made by `load_runner`. See `ModelRunnerDefinition`."""

    def __init__(
        self,
        tag: Tag | str,
        method_name: str = _CALL,
        *,
        name: str | None = None,
        _model_store: Store | None = None,
    ) -> None:
        super().__init__(tag, method_name, name=name, _model_store=_model_store)
        signature = self.model.info.signatures.get(method_name)
        if signature is not None:
            self.batch_options.enabled = signature.batchable
            self.batch_options.input_batch_axis = signature.input_batch_axis
            self.batch_options.output_batch_axis = signature.output_batch_axis

    def _run_batch(self, *args: Any, **kwargs: Any) -> Any:
        return self._run_model_method(self.method_name, *args, **kwargs)


class SimplePicklableModelRunner(_OfObject, SimpleModelRunner):
    """Calls a method of a stored object, one call at a time; made by `load_runner`. See `ModelRunnerDefinition`."""

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        return self._run_model_method(self.method_name, *args, **kwargs)


def find_method(obj: Any, name: str) -> Any:
    """The bound method of that name; the object itself for `__call__`.

    Raises:
        InvalidArgument: the object has none.
    """
    found = obj if _checked(name) == _CALL else getattr(obj, name, None)
    if not callable(found):
        what = "cannot be called" if name == _CALL else f"has no method {name!r}"
        raise InvalidArgument(
            f"a {type(obj).__name__} {what}.", do="name one of its methods, with method_name=… of load_runner"
        )
    return found


def _checked(name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidArgument(f"{name!r} is no name of a method.", do="give one such as 'predict', or '__call__'")
    return name
