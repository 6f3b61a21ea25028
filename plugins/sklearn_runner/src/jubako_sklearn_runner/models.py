"""`save`, `load` and `load_runner` of `jubako.sklearn`. Imports no framework: API workers call `load_runner`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jubako._references import load_reference
from jubako.contracts.store import Store
from jubako.models import load_object, save_object
from jubako.values.signature import SignatureLike, as_signatures
from jubako.values.tag import Tag
from jubako_sklearn_runner.runner import MODULE, SklearnRunner

_METHODS = "jubako_sklearn_runner.methods"


def save(
    name: str,
    model: Any,
    *,
    signatures: Mapping[str, SignatureLike] | None = None,
    labels: Mapping[str, str] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    _model_store: Store | None = None,
) -> Tag:
    """Store a fitted estimator or pipeline as a new version of `name`.

    It is written as skops, which is data, if that gives the very same model back; else with joblib, which is code, and
    one line says what would make it data.

    Args:
        name: the model's name, without a version.
        model: any estimator or pipeline, fitted.
        signatures: methods that are called in other ways than the plugin would tell: give `{"batchable": False}`, or
            `Signature(batchable=False)`, for a method that looks across rows. They replace the plugin's own, by method.
        labels: text to text, for people and queries.
        custom_objects: Python objects kept beside the model, as code.
        metadata: the user's own facts, JSON-like.
        _model_store: where to; the current workspace's store if None.

    Returns:
        The exact tag of the new version.

    Raises:
        InvalidArgument: `model` is a class or no estimator, a signature is of a method that it does not have, or it can
            be written in neither format.
    """
    load_reference(f"{_METHODS}:check_is_estimator")(model)
    given = as_signatures(signatures)
    load_reference(f"{_METHODS}:check_signatures")(model, given)
    return save_object(
        name,
        model,
        module=MODULE,
        serializers=("skops", "joblib"),
        signatures={**load_reference(f"{_METHODS}:signatures_of")(model), **given},
        labels=labels,
        custom_objects=custom_objects,
        metadata=metadata,
        framework_name="scikit-learn",
        framework_distributions=("scikit-learn", "numpy", "scipy", "joblib", "skops"),
        _model_store=_model_store,
    )


def load(tag: Tag | str, *, _model_store: Store | None = None) -> Any:
    """Return the estimator or pipeline.

    Args:
        tag: the model's tag; without a version, the newest.
        _model_store: where it is; the current workspace's store if None.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: another runner type saved it.
        ModelNotTrusted: it is stored with joblib and was not declared trusted here, or its archive was tampered with.
        ModelDigestMismatch: a file is not what the manifest says.
    """
    return load_object(tag, module=MODULE, _model_store=_model_store)


def load_runner(
    tag: Tag | str, function_name: str = "predict", *, name: str | None = None, _model_store: Store | None = None
) -> SklearnRunner:
    """Return a runner of one method of a model; resolves the tag now, and loads nothing yet.

    Args:
        tag: the model's tag; without a version, the newest.
        function_name: `predict`, `predict_proba`, `decision_function`, `transform`, … or any other public method of the
            model that does not change it. That the model has it is checked when the model is loaded.
        name: the runner's name; the model's if None.
        _model_store: where the model is; the current workspace's store if None.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: the method cannot be served.
    """
    runner = SklearnRunner(tag, function_name, name=name, _model_store=_model_store)
    runner.load_arguments = {"function_name": function_name}
    return runner
