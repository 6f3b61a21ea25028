"""One service a workload without torch."""

from __future__ import annotations

import bentoml
import joblib
import numpy as np

WORKERS = 2


@bentoml.service(workers=WORKERS)
class Overhead:
    """No model."""

    @bentoml.api
    async def total(self, x: list[float]) -> float:
        """Add up four numbers."""
        return sum(x)


@bentoml.service(workers=WORKERS)
class Forest:
    """The forest, in each worker."""

    saved = bentoml.models.BentoModel("iris-forest:latest")

    def __init__(self) -> None:
        self.model = joblib.load(self.saved.path_of("model.joblib"))

    @bentoml.api(batchable=True, max_batch_size=64)
    def classify(self, rows: np.ndarray) -> np.ndarray:
        """Say which kinds of iris flowers are."""
        return self.model.predict(rows)
