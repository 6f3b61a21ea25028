"""One service a workload."""

from __future__ import annotations

from typing import Any

import jubako
import jubako.sklearn
from jubako.io import JSON, NumpyNdarray

overhead = jubako.Service("overhead")


@overhead.api(input=JSON(), output=JSON())
async def total(body: Any) -> float:
    """Add up four numbers."""
    return float(sum(body["x"]))


model = jubako.sklearn.load_runner("iris-forest")
forest = jubako.Service("forest", runners=[model])


@forest.api(
    input=NumpyNdarray(dtype="float64", shape=(4,), enforce_dtype=True, enforce_shape=True), output=NumpyNdarray()
)
async def classify(flower: Any) -> Any:
    """Say which kind of iris a flower is."""
    return await model.async_run(flower)
