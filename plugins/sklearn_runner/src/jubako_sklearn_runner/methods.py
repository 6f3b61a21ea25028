"""Which methods of an estimator can be served, and which of them take the rows of several callers at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.decomposition import NMF, MiniBatchNMF
from sklearn.feature_extraction.image import PatchExtractor
from sklearn.neural_network import BernoulliRBM

from jubako.errors import InvalidArgument
from jubako.values.signature import Signature
from jubako_sklearn_runner.method_names import ROW_METHODS, check_method_name
from jubako_sklearn_runner.object_graph import find_parts

# NMF stops when all rows together have converged; PatchExtractor makes several rows of one; RBM draws one random number
# after the other. A row's answer depends on the rows beside it.
_LOOKS_ACROSS_ROWS = (NMF, MiniBatchNMF, PatchExtractor, BernoulliRBM)


def signatures_of(model: Any) -> dict[str, Signature]:
    """The known row-by-row methods that the model has; not batchable if a part of the model looks across rows."""
    is_batchable = next(find_parts(model, _LOOKS_ACROSS_ROWS), None) is None
    return {name: Signature(batchable=is_batchable) for name in ROW_METHODS if _has_method(model, name)}


def check_signatures(model: Any, signatures: Mapping[str, Signature]) -> None:
    """Check the signatures that a user gives with a model.

    Raises:
        InvalidArgument: one is of a method that the model does not have, or that cannot be served.
    """
    for name in signatures:
        find_method(model, name)


def find_method(model: Any, name: str) -> Any:
    """The bound method of that name.

    Raises:
        InvalidArgument: the model has none, or it would change the model.
    """
    check_method_name(name)
    if not _has_method(model, name):
        known = ", ".join(served_methods(model)) or "none"
        raise InvalidArgument(
            f"a {type(model).__name__} has no method {name!r}.",
            why=f"Of the methods that can be served, this one has {known}.",
            do="give one of these as function_name",
        )
    return getattr(model, name)


def served_methods(model: Any) -> list[str]:
    """Names of the methods that answer rows by rows; a model may have others of its own."""
    return [name for name in ROW_METHODS if _has_method(model, name)]


def check_is_estimator(model: Any) -> None:
    """Refuse what is no fitted estimator at first sight: a class, or an object without any method to serve.

    Raises:
        InvalidArgument: it is.
    """
    if isinstance(model, type):
        raise InvalidArgument(f"{model.__name__} is a class.", do=f"fit an instance: {model.__name__}().fit(X, y)")
    if not isinstance(model, BaseEstimator) and not served_methods(model):
        raise InvalidArgument(
            f"a {type(model).__name__} is no estimator.",
            why="It has none of the methods that can be served.",
            do="give a fitted estimator or pipeline",
        )


def _has_method(model: Any, name: str) -> bool:
    # Methods behind available_if raise AttributeError with a reason; hasattr asks them.
    return callable(getattr(model, name, None))
