"""`Predictor`: the methods of one loaded model, called on batches; knows scikit-learn's errors, outputs and threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from jubako.errors import BadInput, BatchTooLarge, InvalidArgument
from jubako_sklearn_runner.methods import find_method
from jubako_sklearn_runner.object_graph import find_parts
from jubako_sklearn_runner.threads import ThreadLimit, without_joblib_jobs

# Of a model of several outputs these give a list with one array for each; as a tuple these are columns side by side.
_ONE_ARRAY_AN_OUTPUT = ("predict_proba", "predict_log_proba", "decision_function")
_MAX_REASON = 500


class Predictor:
    """Calls methods of a model.

    Args:
        model: a fitted estimator; it becomes the predictor's own, and its `n_jobs` are set to None everywhere.
        function_name: the method that a call of the predictor itself calls.
        runner_name: for messages.
        threads: threads that native libraries may use; at least 1.
        max_dense_bytes: bytes that a sparse answer may take once it is dense.

    Raises:
        InvalidArgument: the model has no such method, or would read files that callers name.
    """

    def __init__(self, model: Any, function_name: str, *, runner_name: str, threads: int, max_dense_bytes: int) -> None:
        _refuse_reading_files(model)
        for part in find_parts(model, (BaseEstimator,)):
            # A saved n_jobs would go before the limit below, and start processes.
            if getattr(part, "n_jobs", None) is not None:
                part.n_jobs = None
        self._model = model
        self._methods = {function_name: find_method(model, function_name)}
        self._function_name = function_name
        self._runner_name = runner_name
        self._max_dense_bytes = max_dense_bytes
        self._limit = ThreadLimit(threads)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the predictor's own method; see `call`."""
        return self.call(self._function_name, *args, **kwargs)

    def call(self, function_name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method on a batch and return its answer as one that can be cut into rows.

        Raises:
            BadInput: the model refuses the rows, with its reason.
            BatchTooLarge: the answer is sparse and too large to be made dense.
            InvalidArgument: the model has no such method.
        """
        method = self._methods.get(function_name)
        if method is None:
            method = self._methods[function_name] = find_method(self._model, function_name)
        self._limit.enter()
        try:
            with without_joblib_jobs():
                answer = method(*args, **kwargs)
        except NotFittedError:
            raise
        except (ValueError, TypeError) as error:
            raise BadInput(
                f"runner {self._runner_name!r} does not take this input.",
                why=f"The model says: {str(error)[:_MAX_REASON]}",
                do="give rows like those that the model was fitted on",
            ) from error
        return self._to_rows(function_name, answer, args)

    def close(self) -> None:
        """Give back the threads."""
        self._limit.close()

    def _to_rows(self, function_name: str, answer: Any, args: tuple[Any, ...]) -> Any:
        if scipy.sparse.issparse(answer):
            return self._to_dense(answer)
        if function_name in _ONE_ARRAY_AN_OUTPUT and isinstance(answer, list):
            return tuple(answer)
        # SparsePCA's transform drops the batch axis of a single row.
        is_flat = isinstance(answer, np.ndarray) and answer.ndim == 1 and len(answer) != 1
        if function_name == "transform" and is_flat and len(args) == 1 and len(args[0]) == 1:
            return answer[np.newaxis]
        return answer

    def _to_dense(self, answer: Any) -> Any:
        size_bytes = answer.shape[0] * answer.shape[1] * answer.dtype.itemsize
        if size_bytes > self._max_dense_bytes:
            raise BatchTooLarge(
                f"runner {self._runner_name!r} answers {answer.shape[0]} rows of {answer.shape[1]} columns.",
                why=f"As a dense array that is {size_bytes} bytes; max_dense_bytes is {self._max_dense_bytes}.",
                do="serve a pipeline that ends with a model, or raise runner.max_dense_bytes",
            )
        return answer.toarray()


def _refuse_reading_files(model: Any) -> None:
    """No text from the network is used as a path, and `input="filename"` would open what a caller names."""
    for part in find_parts(model, (BaseEstimator,)):
        if getattr(part, "input", "content") in {"filename", "file"} and hasattr(part, "decode_error"):
            raise InvalidArgument(
                f"the {type(part).__name__} in this model has input={part.input!r}.",
                why="Served, it would open any file that a caller names.",
                do="fit and save it with input='content'",
            )
