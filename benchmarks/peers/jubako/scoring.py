"""The service of W3."""

from __future__ import annotations

from typing import Any

import jubako
import jubako.torch
from jubako.io import NumpyNdarray

mlp = jubako.torch.load_runner("mlp")
# One thread for each replica, as the other servers have it; two inline workers have two replicas.
mlp.resource_quota.cpu = 1
scoring = jubako.Service("scoring", runners=[mlp])


@scoring.api(
    input=NumpyNdarray(dtype="float32", shape=(512,), enforce_dtype=True, enforce_shape=True), output=NumpyNdarray()
)
async def score(row: Any) -> Any:
    """Ten numbers for a row."""
    return await mlp.async_run(row)
