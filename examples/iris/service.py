"""Serves the newest model named `iris-forest`."""

from __future__ import annotations

from typing import Any

import jubako
import jubako.sklearn
from jubako.io import NumpyNdarray

forest = jubako.sklearn.load_runner("iris-forest")
svc = jubako.Service("iris-classifier", runners=[forest])


@svc.api(input=NumpyNdarray(dtype="float64", shape=(4,), enforce_dtype=True, enforce_shape=True), output=NumpyNdarray())
async def classify(flower: Any) -> Any:
    """Say which kind of iris a flower is (0, 1 or 2), from its four measures in centimetres."""
    return await forest.async_run(flower)
