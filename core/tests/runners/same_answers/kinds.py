"""A service whose runners take and return values of every kind, and the calls that are made of it everywhere."""

from __future__ import annotations

import asyncio
import collections
import json
import threading
from typing import NamedTuple

import numpy as np
import pandas as pd

import jubako
from jubako.exceptions import BadInput
from jubako.io import JSON


class Pair(NamedTuple):
    """What a runner may return instead of a tuple."""

    total: object
    name: object


class Items(list):
    """A list of the user's."""


class Kinds(jubako.Runner):
    """A method for each kind of result."""

    def _setup(self):
        self.offset = 1

    def _run_batch(self, rows, scale=1):
        return rows * scale + self.offset

    @jubako.batch_method()
    def sums(self, rows):
        return rows.sum(axis=1)

    @jubako.batch_method()
    def tuples(self, rows):
        return rows.sum(axis=1), [f"row {row[0]}" for row in rows]

    @jubako.batch_method()
    def named_tuples(self, rows):
        return Pair(rows.sum(axis=1), [str(row[0]) for row in rows])

    @jubako.batch_method()
    def arrays_by_name(self, rows):
        return {"sum": rows.sum(axis=1), "rows": rows}

    @jubako.batch_method()
    def lists_by_name(self, items):
        return {"text": [str(item) for item in items], "kind": [type(item).__name__ for item in items]}

    @jubako.batch_method()
    def ordered_by_number(self, rows):
        return collections.OrderedDict([(2, rows), (1, list(rows[:, 0].tolist()))])

    @jubako.batch_method()
    def nested(self, rows):
        return {"sum": rows.sum(axis=1), "parts": (rows[:, 0], {"names": [f"{row[0]}" for row in rows]})}

    @jubako.batch_method()
    def series(self, frame):
        return frame["a"] * 2

    @jubako.batch_method()
    def frames(self, frame):
        return frame.assign(c=frame["a"] + frame["b"])

    @jubako.batch_method()
    def generated(self, items):
        for item in items:
            yield {"item": item}

    @jubako.batch_method()
    def listed(self, items):
        return [[type(items).__name__, item] for item in items]

    @jubako.batch_method()
    def items(self, items):
        return Items([type(items).__name__, item] for item in items)

    @jubako.batch_method()
    def objects(self, rows):
        return np.array([{"n": int(row[0])} for row in rows], dtype=object)

    @jubako.batch_method()
    def times(self, rows):
        return np.array(rows[:, 0], "datetime64[s]")

    @jubako.batch_method()
    def masked(self, rows):
        return np.ma.masked_array(rows, mask=rows > 1)

    @jubako.batch_method()
    def mixed(self, first, second, *, third, label="none"):
        return [(a.sum(), b, c, label) for a, b, c in zip(first, second, third, strict=True)]

    @jubako.batch_method()
    def pong(self):
        return ["pong"]

    @jubako.batch_method()
    def bare_pong(self):
        return "pong"

    @jubako.batch_method()
    def nothing(self, rows):
        return None

    @jubako.batch_method()
    def one_number(self, rows):
        return 7

    @jubako.batch_method()
    def one_row(self, rows):
        return rows[:1]

    @jubako.batch_method(input_batch_axis=1, output_batch_axis=1)
    def columns(self, block):
        return block * 10

    @jubako.batch_method(output_batch_axis=1)
    def turned(self, rows):
        return rows.T

    @jubako.batch_method(batchable=False)
    def ranks(self, rows):
        return rows.argsort(axis=0)

    @jubako.batch_method()
    def broken(self, rows):
        raise KeyError("weights")

    @jubako.batch_method()
    def refused(self, rows):
        raise BadInput("too long", field="$.rows", expected="short ones")

    @jubako.batch_method()
    async def awaited(self, rows):
        return rows


class Plain(jubako.SimpleRunner):
    """Takes one call at a time, of any arguments."""

    def _setup(self):
        pass

    def _run(self, kind="echo", *args, **kwargs):
        if kind == "generated":
            return (letter for letter in "abc")
        if kind == "named":
            return Pair(1, "one")
        if kind == "kinds":
            return [type(value).__name__ for value in (*args, *kwargs.values())]
        return {"none": None, "number": 7, "frame": pd.DataFrame({"a": [1]})}.get(kind, (kind, args, kwargs))


kinds, plain = Kinds(), Plain()
svc = jubako.Service("kinds", runners=[kinds, plain])

ROWS = np.arange(6).reshape(3, 2)
MANY = np.arange(600).reshape(300, 2)  # more than a batch may have
FRAME = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}, index=["x", "y"])

# Name of the call: runner, method, run or run_batch, and what makes its arguments anew each time.
CALLS = {
    "row": (kinds, "run", "run", lambda: ((ROWS[1],), {})),
    "batch": (kinds, "run", "run_batch", lambda: ((ROWS,), {})),
    "batch of none": (kinds, "run", "run_batch", lambda: ((ROWS[:0],), {})),
    "constant by keyword": (kinds, "run", "run_batch", lambda: ((ROWS,), {"scale": 2.5})),
    "row by keyword": (kinds, "run", "run", lambda: ((), {"rows": ROWS[2]})),
    "read-only, strided": (kinds, "run", "run_batch", lambda: ((np.broadcast_to(ROWS[:, ::-1], (3, 2)),), {})),
    "number": (kinds, "sums", "run", lambda: ((ROWS[2],), {})),
    "numbers": (kinds, "sums", "run_batch", lambda: ((ROWS,), {})),
    "tuple of one": (kinds, "tuples", "run", lambda: ((ROWS[1],), {})),
    "tuple of all": (kinds, "tuples", "run_batch", lambda: ((ROWS,), {})),
    "named tuple of one": (kinds, "named_tuples", "run", lambda: ((ROWS[1],), {})),
    "named tuple of all": (kinds, "named_tuples", "run_batch", lambda: ((ROWS,), {})),
    "arrays by name of one": (kinds, "arrays_by_name", "run", lambda: ((ROWS[1],), {})),
    "arrays by name of all": (kinds, "arrays_by_name", "run_batch", lambda: ((ROWS,), {})),
    "lists by name of one": (kinds, "lists_by_name", "run", lambda: (({"n": 4},), {})),
    "lists by name of all": (kinds, "lists_by_name", "run_batch", lambda: (([1, "two", None],), {})),
    "by number of one": (kinds, "ordered_by_number", "run", lambda: ((ROWS[1],), {})),
    "by number of all": (kinds, "ordered_by_number", "run_batch", lambda: ((ROWS,), {})),
    "nested of one": (kinds, "nested", "run", lambda: ((ROWS[1],), {})),
    "nested of all": (kinds, "nested", "run_batch", lambda: ((ROWS,), {})),
    "series of one": (kinds, "series", "run", lambda: ((FRAME.iloc[1],), {})),
    "series of all": (kinds, "series", "run_batch", lambda: ((FRAME,), {})),
    "frame of a series": (kinds, "frames", "run", lambda: ((FRAME.iloc[1],), {})),
    "frame of one row": (kinds, "frames", "run", lambda: ((FRAME.iloc[[1]],), {})),
    "frame of two rows": (kinds, "frames", "run", lambda: ((FRAME,), {})),
    "frame of all": (kinds, "frames", "run_batch", lambda: ((FRAME,), {})),
    "generated of one": (kinds, "generated", "run", lambda: ((5,), {})),
    "generated of all": (kinds, "generated", "run_batch", lambda: (([5, "six"],), {})),
    "generator as a batch": (kinds, "listed", "run_batch", lambda: (((n for n in (1, 2)),), {})),
    "generator as a row": (kinds, "listed", "run", lambda: (((n for n in (1, 2)),), {})),
    "text": (kinds, "listed", "run", lambda: (("text",), {})),
    "none as a row": (kinds, "listed", "run", lambda: ((None,), {})),
    "bytes": (kinds, "listed", "run_batch", lambda: (([b"a", b"bc"],), {})),
    "tuple as a row": (kinds, "listed", "run", lambda: (((1, "a"),), {})),
    "tuple as a batch": (kinds, "listed", "run_batch", lambda: (((1, "a"),), {})),
    "list as a row": (kinds, "listed", "run", lambda: (([1, 2.5, float("nan")],), {})),
    "dictionary as a row": (kinds, "listed", "run", lambda: (({"a": np.arange(2), 1: {2}},), {})),
    "items of one": (kinds, "items", "run", lambda: ((Items([1]),), {})),
    "items of all": (kinds, "items", "run_batch", lambda: ((Items([1, {2}]),), {})),
    "objects": (kinds, "objects", "run_batch", lambda: ((ROWS,), {})),
    "times": (kinds, "times", "run", lambda: ((ROWS[1],), {})),
    "masked": (kinds, "masked", "run_batch", lambda: ((ROWS,), {})),
    "many": (kinds, "run", "run_batch", lambda: ((MANY,), {})),
    "tuple of many": (kinds, "named_tuples", "run_batch", lambda: ((MANY,), {})),
    "nested of many": (kinds, "nested", "run_batch", lambda: ((MANY,), {})),
    "frame of many": (kinds, "frames", "run_batch", lambda: ((pd.DataFrame(MANY, columns=["a", "b"]),), {})),
    "series of many": (kinds, "series", "run_batch", lambda: ((pd.DataFrame(MANY, columns=["a", "b"]),), {})),
    "generated of many": (kinds, "generated", "run_batch", lambda: ((list(range(300)),), {})),
    "columns of many": (kinds, "columns", "run_batch", lambda: ((MANY.T.copy(),), {})),
    "not batchable of many": (kinds, "ranks", "run_batch", lambda: ((MANY[::-1],), {})),
    "mixed row": (kinds, "mixed", "run", lambda: ((ROWS[1], "b"), {"third": 3.5})),
    "mixed batch": (kinds, "mixed", "run_batch", lambda: ((ROWS, ["a", "b", "c"]), {"third": [1, 2, 3], "label": "x"})),
    "mixed of different rows": (kinds, "mixed", "run_batch", lambda: ((ROWS, ["a"]), {"third": [1, 2, 3]})),
    "without arguments": (kinds, "pong", "run", lambda: ((), {})),
    "batch without arguments": (kinds, "pong", "run_batch", lambda: ((), {})),
    "without arguments, no batch": (kinds, "bare_pong", "run", lambda: ((), {})),
    "batch without arguments, no batch": (kinds, "bare_pong", "run_batch", lambda: ((), {})),
    "constants alone": (kinds, "one_number", "run_batch", lambda: (({"ids": np.arange(3)},), {})),
    "none": (kinds, "nothing", "run", lambda: ((ROWS[1],), {})),
    "a number for all": (kinds, "one_number", "run_batch", lambda: ((ROWS,), {})),
    "too few rows": (kinds, "one_row", "run_batch", lambda: ((ROWS,), {})),
    "columns of one": (kinds, "columns", "run", lambda: ((ROWS[:, 1],), {})),
    "columns of all": (kinds, "columns", "run_batch", lambda: ((ROWS,), {})),
    "columns of a list": (kinds, "columns", "run_batch", lambda: (([1, 2],), {})),
    "columns of a frame": (kinds, "columns", "run_batch", lambda: ((FRAME,), {})),
    "columns of a number": (kinds, "columns", "run", lambda: ((3,), {})),
    "turned of one": (kinds, "turned", "run", lambda: ((ROWS[1],), {})),
    "turned of all": (kinds, "turned", "run_batch", lambda: ((ROWS,), {})),
    "not batchable": (kinds, "ranks", "run_batch", lambda: ((ROWS[::-1],), {})),
    "error": (kinds, "broken", "run", lambda: ((1,), {})),
    "error of the input": (kinds, "refused", "run", lambda: ((1,), {})),
    "coroutine function": (kinds, "awaited", "run", lambda: ((1,), {})),
    "wrong arguments": (kinds, "sums", "run", lambda: ((ROWS[1], ROWS[1]), {})),
    "simple": (plain, "run", "run", lambda: (("echo", 1, (2, [3])), {"four": {"five": 6.0}})),
    "simple without arguments": (plain, "run", "run", lambda: ((), {})),
    "simple none": (plain, "run", "run", lambda: (("none",), {})),
    "simple number": (plain, "run", "run", lambda: (("number",), {})),
    "simple frame": (plain, "run", "run", lambda: (("frame",), {})),
    "simple generated": (plain, "run", "run", lambda: (("generated",), {})),
    "simple named tuple": (plain, "run", "run", lambda: (("named",), {})),
    "simple kinds": (plain, "run", "run", lambda: (("kinds", (n for n in "ab"), FRAME, {1, 2}), {"x": Pair(1, 2)})),
    "simple batch": (plain, "run", "run_batch", lambda: (([1, 2],), {})),
}


def describe(value):
    """All of a value that a program could tell apart, as text."""
    kind = type(value).__name__
    if isinstance(value, np.ma.MaskedArray):
        return f"{kind} {value.dtype} {value.tolist()}"
    if isinstance(value, np.ndarray):
        return f"{kind} {value.dtype} {value.shape} {value.tolist()} writable={value.flags.writeable}"
    if isinstance(value, pd.DataFrame):
        return f"{kind} {value.to_dict('split')} {list(value.dtypes)} {value.index.dtype}"
    if isinstance(value, pd.Series):
        return f"{kind} {value.to_dict()} {value.dtype} {value.name!r} {value.index.dtype}"
    if isinstance(value, dict):
        return f"{kind} {[(repr(key), describe(part)) for key, part in value.items()]}"
    if isinstance(value, list | tuple):
        return f"{kind} {[describe(part) for part in value]}"
    return f"{kind} {value!r}"


def describe_error(error):
    """Its class, and the three parts of its message."""
    return f"{type(error).__name__}: {error}"


def call(name):
    """Make a call and wait for it."""
    runner, method, how, make = CALLS[name]
    args, kwargs = make()
    try:
        return describe(getattr(runner.method(method), how)(*args, **kwargs))
    except Exception as error:
        return describe_error(error)


async def async_call(name):
    """Make a call and await it."""
    runner, method, how, make = CALLS[name]
    args, kwargs = make()
    try:
        return describe(await getattr(runner.method(method), f"async_{how}")(*args, **kwargs))
    except Exception as error:
        return describe_error(error)


@svc.api(input=JSON(), output=JSON())
def from_a_sync_api(names):
    return {name: call(name) for name in names}


@svc.api(input=JSON(), output=JSON())
async def from_an_async_api(names):
    return dict(zip(names, await asyncio.gather(*map(async_call, names)), strict=True))


@svc.api(input=JSON(), output=JSON())
async def on_the_loops_own_thread(names):
    return {name: call(name) for name in names}


@svc.api(input=JSON(), output=JSON())
async def from_a_thread_of_the_users(names):
    answers = {}
    thread = threading.Thread(target=lambda: answers.update({name: call(name) for name in names}))
    thread.start()
    await asyncio.to_thread(thread.join)
    return answers


def in_wsgi(environ, start_response):
    """A WSGI application that is mounted."""
    names = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps({name: call(name) for name in names}).encode()]


async def in_asgi(scope, receive, send):
    """An ASGI application that is mounted; it calls runners as it likes, and awaits half of the calls."""
    if scope["type"] != "http":
        return
    body = b""
    while (message := await receive()).get("more_body"):
        body += message["body"]
    names = json.loads(body + message["body"])
    answers = {name: await async_call(name) if index % 2 else call(name) for index, name in enumerate(names)}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(answers).encode()})


svc.mount_wsgi_app(in_wsgi, path="/in_wsgi")
svc.mount_asgi_app(in_asgi, path="/in_asgi")
