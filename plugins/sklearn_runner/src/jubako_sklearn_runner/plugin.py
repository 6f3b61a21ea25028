"""The plugin's hooks: what jubako-sklearn-runner offers. Imports neither scikit-learn nor skops."""

from __future__ import annotations

from collections.abc import Iterable

from jubako.contracts.hookspecs import hookimpl
from jubako.contracts.offers import RunnerType, SerializerType


@hookimpl
def jubako_register_runner_types() -> Iterable[RunnerType]:
    """Offer `jubako.sklearn`."""
    yield RunnerType(
        name="sklearn",
        summary="Saves, loads and runs any estimator or pipeline of scikit-learn.",
        requires=("sklearn", "joblib", "skops", "threadpoolctl"),
        save="jubako_sklearn_runner.models:save",
        load="jubako_sklearn_runner.models:load",
        load_runner="jubako_sklearn_runner.models:load_runner",
        model_types=("sklearn.base:BaseEstimator",),
    )


@hookimpl
def jubako_register_serializers() -> Iterable[SerializerType]:
    """Offer skops, which is data, and joblib, which is code."""
    yield SerializerType(
        name="skops",
        summary="Writes scikit-learn models as arrays and names from a fixed list of types.",
        requires=("sklearn", "skops"),
        serializer="jubako_sklearn_runner.skops_serializer:SkopsSerializer",
        trust="data",
    )
    yield SerializerType(
        name="joblib",
        summary="Writes any estimator as a pickle, which can run code when it is read.",
        requires=("joblib",),
        serializer="jubako_sklearn_runner.joblib_serializer:JoblibSerializer",
        trust="code",
    )
