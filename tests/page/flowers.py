"""The service whose page is tested and photographed: an API of each kind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pydantic

import jubako
from jubako.io import JSON, File, Image, Multipart, NumpyNdarray, PandasDataFrame, Text

svc = jubako.Service("flowers")


class Garden(pydantic.BaseModel):
    """Where flowers grow."""

    name: str = "Kew"
    area_m2: float = pydantic.Field(gt=0, examples=[120.5])
    beds: list[int] = [3, 5, 8]


@svc.api(input=NumpyNdarray(dtype="float64", shape=(-1, 4), enforce_shape=True), output=NumpyNdarray())
async def classify(measures):
    """Tell the species of irises.

    Each row holds **sepal length**, sepal width, petal length and petal width in centimetres. The answer has a number
    for each: `0` for *setosa*, `1` for *versicolor*, `2` for *virginica*.
    """
    return np.digitize(measures[:, 2], [2.5, 4.9])


@svc.api(input=JSON(pydantic_model=Garden), output=JSON())
async def plan(garden):
    """Plan the beds of a garden."""
    return {"garden": garden.name, "rows": sum(garden.beds), "area_of_a_row_m2": garden.area_m2 / sum(garden.beds)}


@svc.api(input=Image(), output=Image(mime_type="image/png"))
def negative(image):
    """Turn light into dark."""
    return image.point(lambda value: 255 - value)


@svc.api(input=Multipart(picture=Image(), note=Text()), output=JSON())
def label(picture, note):
    """Put a label on a picture."""
    return {"note": note, "width": picture.width, "height": picture.height}


@svc.api(input=Text(), output=Text())
async def describe(species):
    """Describe a species, word by word.

    Words are sent as soon as they are there.
    """
    for word in ["The", species, "is", "in", "bloom", "from", "May", "to", "July."]:
        yield word + " "
        await asyncio.sleep(0.02)


@svc.api(input=Text(), output=JSON(), route="beds/{bed}/plants")
async def plant(species, bed: int):
    """Plant a species in a bed."""
    return {"bed": bed, "species": species}


MEASURES = {"sepal": "float64", "petal": "float64"}


@svc.api(input=PandasDataFrame(dtype=MEASURES, enforce_dtype=True), output=PandasDataFrame())
def largest(table):
    """Keep the rows with the longest petals."""
    return table.nlargest(2, "petal") if len(table) else table


@svc.api(input=File(), output=File(mime_type="application/octet-stream"))
def reverse(file):
    """Turn a file round."""
    return file.read()[::-1]


@svc.api(output=JSON())
async def season() -> dict[str, str]:
    """Say what blooms now; takes nothing."""
    return {"season": "spring", "from": str(Path("May"))}
