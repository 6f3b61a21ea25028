import jubako as bentoml
from jubako.io import JSON, NumpyNdarray, Text


class ScaleRunner(bentoml.Runner):
    def __init__(self, tag, name="scale"):
        super().__init__(name)
        self.tag = bentoml.Tag.from_taglike(tag)

    @property
    def num_replica(self):
        return 1

    @property
    def required_models(self):
        return [self.tag]

    def _setup(self):
        self._model = bentoml.picklable_model.load(self.tag)

    def _run_batch(self, input_data, offset=0):
        return self._model.transform(input_data) + offset


class RangeRunner(bentoml.Runner):
    """Answers with a tuple: the smallest and the largest of each row."""

    @property
    def num_replica(self):
        return 1

    def _setup(self):
        pass

    def _run_batch(self, input_data):
        return input_data.min(axis=1), input_data.max(axis=1)


class ShoutRunner(bentoml.SimpleRunner):
    @property
    def num_replica(self):
        return 1

    def _setup(self):
        self._mark = "!"

    def _run(self, text, times=1):
        return text.upper() + self._mark * times


scale = ScaleRunner("scaler:latest")
spread = RangeRunner("spread")
shout = ShoutRunner("shout")
ready_made = bentoml.picklable_model.load_runner("scaler:latest", name="ready_made")

svc = bentoml.Service("runners-of-our-own", runners=[scale, spread, shout, ready_made])


@svc.api(input=NumpyNdarray(), output=NumpyNdarray())
def scale_sync(row):
    return scale.run(row)


@svc.api(input=NumpyNdarray(), output=NumpyNdarray())
async def scale_async(row):
    return await scale.async_run(row)


@svc.api(input=NumpyNdarray(), output=NumpyNdarray())
def scale_all(rows):
    return scale.run_batch(rows, offset=1)


@svc.api(input=NumpyNdarray(), output=JSON())
async def spread_all(rows):
    low, high = await spread.async_run_batch(rows)
    return {"low": low.tolist(), "high": high.tolist()}


@svc.api(input=NumpyNdarray(), output=JSON())
def spread_one(row):
    low, high = spread.run(row)
    return [float(low), float(high)]


@svc.api(input=Text(), output=Text())
def shout_sync(text):
    return shout.run(text, times=2)


@svc.api(input=Text(), output=Text())
async def shout_async(text):
    return await shout.async_run(text, 2)


@svc.api(input=JSON(), output=JSON())
def scale_value(value):
    return ready_made.run(value)
