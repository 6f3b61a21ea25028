"""Services that are attacked: each is the text of a `service.py`."""

from __future__ import annotations

# Every descriptor there is, and the dtypes that can be lied about.
DESCRIPTORS = """
import jubako
from jubako.io import JSON, NumpyNdarray, Text
from pydantic import BaseModel

svc = jubako.Service("readers")


class Flower(BaseModel):
    name: str
    sizes: list[float]


def add(name, descriptor):
    @svc.api(input=descriptor, output=Text(), name=name)
    async def tell(value):
        return type(value).__name__


add("array", NumpyNdarray())
add("table", NumpyNdarray(dtype="float32", enforce_dtype=True, shape=(-1, 4), enforce_shape=True))
add("huge", NumpyNdarray(dtype="float64", shape=(2**31, 2**31), enforce_shape=True))
for dtype in (
    "int8", "uint8", "int64", "uint64", "float16", "float32", "float64", "bool", "U3", "datetime64[s]", "complex64"
):
    add("as_" + dtype.replace("[", "_").replace("]", ""), NumpyNdarray(dtype=dtype, enforce_dtype=True))
add("value", JSON())
add("flower", JSON(pydantic_model=Flower))
add("text", Text())
"""

JSON_READERS = ("array", "table", "huge", "as_int8", "as_U3", "value", "flower")

# A route that notes each call of its function, for what must not reach it.
NOTING = """
import pathlib
import jubako
from jubako.io import JSON, Text

svc = jubako.Service("noting")
CALLS = pathlib.Path("calls")


@svc.api(input=JSON(), output=JSON())
def note(value):
    with CALLS.open("a") as file:
        file.write("called\\n")
    return value


@svc.api(input=Text(), output=Text(), route="v1/words/count")
def count(text):
    return note(text)
"""

# A model that takes 200 ms and notes its batches, and functions that wait for it, and for other things, in every way.
SLOW = """
import asyncio, pathlib, threading, time
import jubako
from jubako.io import JSON


class Slow(jubako.Runner):
    def _setup(self):
        self.rows = pathlib.Path("rows")

    def _run_batch(self, rows):
        with self.rows.open("a") as file:
            file.writelines("computed\\n" for _ in rows)
        time.sleep(0.2)
        return [row * 2 for row in rows]


model = Slow()
svc = jubako.Service("slow", runners=[model])


@svc.api(input=JSON(), output=JSON())
async def ask_model(row):
    return await model.async_run(row)


@svc.api(input=JSON(), output=JSON())
def ask_model_in_thread(row):
    return model.run(row)


@svc.api(input=JSON(), output=JSON())
async def wait(row):
    await asyncio.sleep(0.2)
    return row


@svc.api(input=JSON(), output=JSON())
def wait_in_thread(row):
    with pathlib.Path("threads").open("a") as file:
        file.write("called\\n")
    time.sleep(0.2)
    return row
"""

# Every way to fail that there is, each with a secret in it; and one that says what it is asked to say.
FAILING = """
import asyncio, os, pathlib, sys, time
import jubako
from jubako import exceptions
from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.io import JSON, NumpyNdarray, Text

SECRET = "the-secret-of-" + str(pathlib.Path(__file__).parent)


class Fragile(jubako.Runner):
    def _setup(self):
        self.count = 0

    def _run_batch(self, rows):
        row = rows[0]
        if row == "raise":
            raise RuntimeError(SECRET)
        if row == "exit":
            sys.exit(SECRET)
        if row == "die":
            os._exit(3)
        if row == "rows":
            return list(rows) + [SECRET]
        if row == "unavailable":
            raise exceptions.ServiceUnavailable(SECRET)
        if row == "late":
            raise exceptions.DeadlineExceeded(SECRET)
        if row == "input":
            raise exceptions.BadInput("a row is bad", field="$[0]")
        if row == "slow":
            time.sleep(0.3)
        return list(rows)


class Header(Descriptor):
    media_types = ("text/plain",)

    def decode(self, body, content_type):
        return body.decode("latin-1")

    def encode(self, value, accept=""):
        name, _, text = value.partition("=")
        is_type = name == "content-type"
        return EncodedBody(b"said", text if is_type else "text/plain", {} if is_type else {name: text})

    def openapi_schema(self):
        return {"type": "string"}


class Broken(Text):
    def decode(self, body, content_type):
        raise KeyError(SECRET)


fragile = Fragile()
svc = jubako.Service("failing", runners=[fragile])

RAISED = {
    "runtime": lambda: RuntimeError(SECRET),
    "os": lambda: OSError(2, SECRET, SECRET),
    "key": lambda: KeyError(SECRET),
    "recursion": lambda: RecursionError(SECRET),
    "memory": lambda: MemoryError(SECRET),
    "stop": lambda: StopIteration(SECRET),
    "exit": lambda: SystemExit(SECRET),
    "cancelled": lambda: asyncio.CancelledError(SECRET),
    "timeout": lambda: TimeoutError(SECRET),
    "group": lambda: ExceptionGroup(SECRET, [ValueError(SECRET)]),
    "unavailable": lambda: exceptions.ServiceUnavailable(SECRET, why=SECRET, do=SECRET),
    "late": lambda: exceptions.DeadlineExceeded(SECRET),
    "jubako": lambda: exceptions.JubakoError(SECRET),
    "not found": lambda: exceptions.NotFound("no such flower", why=SECRET, do=SECRET),
}


@svc.api(input=Text(), output=JSON())
async def fail(how):
    raise RAISED[how]()


@svc.api(input=Text(), output=JSON())
def fail_in_thread(how):
    raise RAISED[how]()


@svc.api(input=JSON(), output=JSON())
async def ask(row):
    return await fragile.async_run(row)


@svc.api(input=JSON(), output=JSON())
def ask_in_thread(row):
    return fragile.run(row)


@svc.api(input=JSON(), output=JSON())
def find_model(tag):
    return str(jubako.models.get(tag).tag)


@svc.api(input=JSON(), output=JSON())
def find_bento(tag):
    return str(jubako.get(tag).tag)


@svc.api(input=JSON(), output=JSON())
def load_service(tag):
    return str(jubako.load(tag))


@svc.api(input=JSON(), output=JSON())
async def unencodable(_):
    return object()


@svc.api(input=JSON(), output=NumpyNdarray(shape=(2,), enforce_shape=True))
async def misshapen(_):
    return [SECRET]


@svc.api(input=Broken(), output=JSON())
async def undecodable(_):
    return 1


@svc.api(input=Text(), output=Header())
async def say(text):
    return text


@svc.api(input=JSON(), output=JSON())
async def slow(row):
    await asyncio.sleep(5)


@svc.api(input=JSON(), output=JSON())
def slow_in_thread(row):
    time.sleep(0.3)
    return row


@svc.api(input=NumpyNdarray(dtype="int8", enforce_dtype=True, shape=(-1, 2), enforce_shape=True), output=JSON())
async def table(rows):
    return 1
"""
