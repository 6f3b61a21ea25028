import pandas as pd
import PIL.Image
import pydantic

import jubako as bentoml
from jubako.io import JSON, File, Image, Multipart, NumpyNdarray, PandasDataFrame, PandasSeries, Text


class SumRunner(bentoml.Runner):
    @property
    def num_replica(self):
        return 1

    def _setup(self):
        pass

    def _run_batch(self, df):
        return df.sum(axis=1)


class TurnRunner(bentoml.SimpleRunner):
    @property
    def num_replica(self):
        return 1

    def _setup(self):
        pass

    def _run(self, image, angle):
        return image.rotate(angle, expand=True)


sums = SumRunner("sums")
turn = TurnRunner("turn")

svc = bentoml.Service("bodies", runners=[sums, turn])


class Order(pydantic.BaseModel):
    article: str
    count: int = 1


@svc.api(input=PandasDataFrame(), output=PandasSeries())
def sum_rows(df: pd.DataFrame) -> pd.Series:
    return sums.run_batch(df)


@svc.api(input=PandasDataFrame(orient="split"), output=PandasDataFrame(orient="split"))
async def with_sum(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(sum=await sums.async_run_batch(df))


@svc.api(input=Image(), output=Image(mime_type="image/png"))
def turned(image: PIL.Image.Image) -> PIL.Image.Image:
    return turn.run(image, 90)


@svc.api(input=Multipart(image=Image(), annotations=JSON()), output=JSON())
async def described(image, annotations):
    return {"size": image.size, "label": annotations["label"]}


@svc.api(input=Multipart(first=NumpyNdarray(), second=NumpyNdarray()), output=NumpyNdarray())
def added(first, second):
    return first + second


@svc.api(input=Image(), output=Multipart(turned=Image(mime_type="image/png"), size=Text()))
def in_parts(image):
    return {"turned": turn.run(image, 90), "size": f"{image.width}x{image.height}"}


@svc.api(input=File(), output=File(mime_type="text/plain"))
def reversed_file(file):
    return bytes(reversed(file.read()))


@svc.api(input=JSON(pydantic_model=Order), output=JSON())
def order(order: Order):
    return {"article": order.article, "count": order.count}
