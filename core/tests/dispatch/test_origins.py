"""What a replica's log says names the requests that it was computing for."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import time

import numpy as np
import pytest

from jubako._origins import Origin, current_origins
from jubako.contracts.backend import RunnerCall
from jubako.errors import BadInput
from jubako.server.log_lines import LineFormatter

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def lines():
    """Return a function that gives what has been logged since, as records of JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter("json", "replica", 1))
    logger = logging.getLogger("jubako.dispatch")
    logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)


async def ask(dispatch, row, origin):
    call = RunnerCall("run", (row,), {}, True, time.monotonic() + 20, origin)
    return await dispatch.handle.call(call)


async def test_a_failing_batch_is_logged_with_its_requests_and_each_failure_with_its_own(make_dispatch, lines):
    dispatch = make_dispatch()
    rows = [np.ones(2), np.array([1.0, np.nan]), np.ones(2)]
    origins = [Origin("a"), Origin("b", TRACE), Origin("c")]
    answers = await asyncio.gather(
        *(ask(dispatch, row, origin) for row, origin in zip(rows, origins, strict=True)), return_exceptions=True
    )
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False]
    split, failure = lines()
    assert (split["level"], split["request_ids"], split["traceparents"]) == ("warning", ["a", "b", "c"], [TRACE])
    assert (failure["level"], failure["request_id"], failure["traceparent"]) == ("error", "b", TRACE)
    assert (failure["role"], failure["slot"]) == ("replica", 1)
    assert "ValueError: not a number" in failure["trace"]


async def test_a_call_made_outside_a_request_is_logged_without_one(make_dispatch, lines):
    with pytest.raises(Exception, match="not a number"):
        await ask(make_dispatch(), np.array([np.nan]), Origin())
    (failure,) = lines()
    assert "request_id" not in failure


async def test_what_a_client_did_wrong_is_no_line_of_the_log(make_dispatch, runner, lines):
    def refuse(rows):
        raise BadInput("not this one")

    runner._run_batch = refuse
    with pytest.raises(BadInput):
        await ask(make_dispatch(), np.ones(2), Origin("a"))
    assert lines() == []


async def test_the_runners_own_log_lines_name_the_requests(make_dispatch, runner):
    seen = []
    compute = runner._run_batch

    def look(rows):
        seen.append(current_origins.get())
        return compute(rows)

    runner._run_batch = look
    dispatch = make_dispatch()
    await asyncio.gather(*(ask(dispatch, np.ones(2), Origin(name)) for name in "xyz"))
    await ask(dispatch, np.ones(2), Origin("last"))
    assert seen == [(Origin("x"), Origin("y"), Origin("z")), (Origin("last"),)]
