"""`SklearnRunner`: a Runner of one stored model of scikit-learn. Imports the framework only when it is set up."""

from __future__ import annotations

from typing import Any

from jubako._references import load_reference
from jubako.contracts.store import Store
from jubako.models import load_object
from jubako.runners import ModelRunner
from jubako.values.tag import Tag
from jubako_sklearn_runner.method_names import check_method_name

MODULE = "sklearn"


class SklearnRunner(ModelRunner):
    """Calls methods of a model on batches of arrays, frames or lists; made by `jubako.sklearn.load_runner`.

    `run` and the like call one, which `load_runner` was given; every other of the model's signatures is called by its
    name: `runner.predict_proba.run(row)`, or `runner.method("predict_proba")`.

    Arguments go to the method as they are: a model fitted on a DataFrame gets the frames that callers give, and an
    array by position, as scikit-learn itself takes it. Answers are the model's own, with two exceptions: a sparse
    matrix comes as a dense array, and a list of arrays, which models of several outputs give, as a tuple of them.

    Args:
        tag: the model's tag; without a version, the newest.
        function_name: the method that `run` calls.
        name: the runner's name; the model's if None.
        _model_store: where the model is; the current workspace's store if None.

    Attributes:
        function_name: that method.
        max_dense_bytes: bytes that a sparse answer may take once it is dense, 64 MiB unless set; a larger batch is
            halved, a larger row fails.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: another runner type saved it, or the method cannot be served.
    """

    max_dense_bytes: int = 64 * 1024 * 1024

    def __init__(
        self,
        tag: Tag | str,
        function_name: str = "predict",
        *,
        name: str | None = None,
        _model_store: Store | None = None,
    ) -> None:
        super().__init__(tag, name=name, _model_store=_model_store)
        self.function_name = check_method_name(function_name)
        signature = self.model.info.signatures.get(function_name)
        # A method that save did not know may look across rows.
        self.batch_options.enabled = signature is not None and signature.batchable
        if signature is not None:
            self.batch_options.input_batch_axis = signature.input_batch_axis
            self.batch_options.output_batch_axis = signature.output_batch_axis

    def _setup(self) -> None:
        model = load_object(self.model, module=MODULE, _model_store=self.model_store)
        predictor = load_reference("jubako_sklearn_runner.predictor:Predictor")
        self._predict = predictor(
            model,
            self.function_name,
            runner_name=self.name,
            threads=self.placement.threads,
            max_dense_bytes=self.max_dense_bytes,
        )

    def _run_batch(self, *args: Any, **kwargs: Any) -> Any:
        return self._predict(*args, **kwargs)

    def _run_model_method(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._predict.call(method, *args, **kwargs)

    def _shutdown(self) -> None:
        self._predict.close()
