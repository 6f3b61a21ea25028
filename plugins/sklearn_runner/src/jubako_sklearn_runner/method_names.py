"""Names of estimators' methods; imports no framework, for API workers check `function_name` with it."""

from __future__ import annotations

from jubako.errors import InvalidArgument

ROW_METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "inverse_transform",
    "score_samples",
    "apply",
    "kneighbors",
)
"""Methods that answer one row for each row they are given, whatever the other rows are."""

_CHANGES_THE_MODEL = ("fit", "partial_fit", "set_", "get_", "_")


def check_method_name(name: str) -> str:
    """Return the name of a method that may be served.

    Raises:
        InvalidArgument: it is no method's name, is private, or would fit or change the model for all callers.
    """
    if not isinstance(name, str) or not name.isidentifier() or name.startswith(_CHANGES_THE_MODEL):
        raise InvalidArgument(
            f"function_name {name!r} cannot be served.",
            why="Methods that fit or set up a model change it for every caller; fit_predict knows its own input only.",
            do=f"give a method that answers rows, such as {', '.join(ROW_METHODS[:4])}",
        )
    return name
