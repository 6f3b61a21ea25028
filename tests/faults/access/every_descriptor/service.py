"""An API for every descriptor, each of which can answer whatever its input takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
from pydantic import BaseModel

import jubako
from jubako.io import JSON, File, Image, Multipart, NumpyNdarray, PandasDataFrame, PandasSeries, Text

svc = jubako.Service("every_descriptor")


class Flower(BaseModel):
    """A pydantic model."""

    name: str
    petals: list[float] = []
    parent: Flower | None = None


@dataclass
class Leaf:
    """A dataclass."""

    length: float
    veins: int | None = None


COLUMNS = {"a": "float64", "b": "int64", "c": "bool"}


def declared(default_format: str) -> PandasDataFrame:
    return PandasDataFrame(
        columns=list(COLUMNS),
        apply_column_names=True,
        dtype=COLUMNS,
        enforce_dtype=True,
        default_format=default_format,
    )


@svc.api(input=NumpyNdarray(), output=NumpyNdarray())
async def arrays(array):
    return array


@svc.api(input=NumpyNdarray("float32", True, (-1, 2), True), output=NumpyNdarray())
def enforced_arrays(array: np.ndarray):
    return array


@svc.api(input=PandasDataFrame(), output=PandasDataFrame())
def frames(frame: pd.DataFrame):
    return frame


@svc.api(input=declared("json"), output=declared("csv"))
def csv_frames(frame):
    return frame


@svc.api(input=declared("parquet"), output=declared("parquet"))
def parquet_frames(frame):
    return frame


@svc.api(input=declared("arrow"), output=declared("arrow"))
def arrow_frames(frame):
    return frame


@svc.api(input=PandasSeries(dtype="float64", enforce_dtype=True), output=PandasSeries())
def series(series):
    return series


@svc.api(input=JSON(), output=JSON())
async def values(value):
    return value


@svc.api(input=JSON(pydantic_model=Flower), output=JSON(pydantic_model=Flower))
async def flowers(flower):
    return flower


@svc.api()
async def leaves(leaf: Leaf) -> list[Leaf]:
    return [leaf]


@svc.api(input=Text(), output=Text())
async def texts(text):
    return text


@svc.api(input=File(), output=File())
def files(file):
    return file


@svc.api()
def paths(path: Path) -> int:
    return len(path.read_bytes())


@svc.api(input=Image(), output=Image(mime_type="image/png"))
def images(image: PIL.Image.Image):
    return image


@svc.api(input=Multipart(title=Text(), numbers=JSON(model=list[float]), picture=Image()), output=JSON())
def parts(title, numbers, picture):
    return {"title": title, "numbers": len(numbers), "size": picture.size}


@svc.api(route="items/{number}/{rest:path}")
async def items(number: int, rest: str, context: jubako.Context) -> dict:
    return {"number": number, "rest": rest, "query": dict(context.request.query)}


@svc.api()
async def words(text: str) -> AsyncIterator[str]:
    for word in text.split():
        yield word
