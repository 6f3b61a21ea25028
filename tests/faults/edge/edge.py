"""A service to be attacked by clients, copied into the folder of each test."""

from __future__ import annotations

import time

import numpy as np

import jubako
from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.io import JSON, NumpyNdarray, Text


class Doubling(jubako.Runner):
    """Doubles the first number of each row; a batch takes as many milliseconds as its longest row says."""

    def _setup(self) -> None:
        pass

    def _run_batch(self, rows: np.ndarray) -> np.ndarray:
        # Whatever a fuzzer asks for.
        time.sleep(np.clip(np.nan_to_num(rows[:, 1]), 0, 200).max() / 1000)
        return np.nan_to_num(rows[:, 0]) * 2


class Headed(Descriptor):
    """Sends a pair of texts as a header of the answer."""

    media_types = ("text/plain",)

    def decode(self, body: bytes, content_type: str) -> object:
        """Nothing is read with it."""
        raise NotImplementedError

    def encode(self, value: list[str], accept: str = "") -> EncodedBody:
        """Lay out the answer."""
        return EncodedBody(b"headed", "text/plain", {value[0]: value[1]})

    def openapi_schema(self) -> dict[str, object]:
        """As OpenAPI has it."""
        return {"type": "string"}


doubling = Doubling()
svc = jubako.Service("edge", runners=[doubling])


@svc.api(input=JSON(), output=JSON())
async def echo(value):
    """Send a value back."""
    return value


@svc.api(input=NumpyNdarray(dtype="float64", shape=(2,), enforce_shape=True), output=NumpyNdarray())
async def double(row):
    """Double a number, after a time."""
    return await doubling.async_run(row)


@svc.api(input=JSON(), output=Text())
async def large(size):
    """Send so many bytes."""
    return "x" * size


@svc.api(input=JSON(), output=Headed())
async def headed(pair):
    """Send a header."""
    return pair
