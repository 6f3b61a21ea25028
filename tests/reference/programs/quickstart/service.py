import numpy as np

import jubako as bentoml
from jubako.io import NumpyNdarray

iris_clf_runner = bentoml.sklearn.load_runner("iris_clf:latest")

svc = bentoml.Service("iris_classifier", runners=[iris_clf_runner])


@svc.api(input=NumpyNdarray(), output=NumpyNdarray())
def classify(input_series: np.ndarray) -> np.ndarray:
    return iris_clf_runner.run(input_series)


@svc.api(input=NumpyNdarray(dtype="float64", shape=(-1, 4)), output=NumpyNdarray(dtype="int64"))
async def classify_batch(input_series: np.ndarray) -> np.ndarray:
    return await iris_clf_runner.async_run_batch(input_series)


@svc.api(input=NumpyNdarray.from_sample(np.zeros((1, 4))), output=NumpyNdarray(), route="v1/models/iris/predict")
def predict(input_series: np.ndarray) -> np.ndarray:
    return iris_clf_runner.run_batch(input_series)
