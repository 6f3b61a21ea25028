"""Bursts on a server that has never computed anything, and so knows nothing of what its model costs."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.load import closed_loop
from tests.faults.watched import Request

# Not an API: the first call of a runner is the burst's.
READY = Request("/readyz")


@pytest.mark.parametrize("first_s", [0.0, 1.0], ids=["", "slow at first"])
@pytest.mark.parametrize("count", [1, 5, 50, 1000])
@pytest.mark.row("cold-burst")
def test_a_burst_on_a_new_server_is_computed_whole(serve_here, figures, count, first_s):
    served = serve_here(
        "paced", READY, config="server: {timeout_s: 10}", FAULTS_FIXED_S="0.01", FAULTS_FIRST_S=str(first_s)
    )
    load = asyncio.run(closed_loop(served.port, "/ask", str, callers=count, requests=count))
    assert load.statuses == {200: count}, (load.statuses, served.text[-2000:])
    assert sorted(float(answer.body) for answer in load.answers) == [float(number) for number in range(count)]
    slow = ", the first batch taking 1 s more" if first_s else ""
    figures(**{f"{count:,} at once{slow}: refused": 0, f"{count:,} at once{slow}: max_ms": load.percentile_ms(100)})


@pytest.mark.quick
@pytest.mark.row("cold-burst")
def test_calls_with_little_time_are_not_refused_for_a_slow_first_batch(serve_here, figures):
    """What loads lazily in the first call is no measure of the model."""
    served = serve_here("paced", READY, FAULTS_FIXED_S="0.005", FAULTS_FIRST_S="1.0")
    refused = 0
    # On a busy machine one may be late, which is not what is asked here: none is turned away for what is known.
    for number in range(3):
        status, body = served.post("/ask", str(number), "application/json")
        assert status == 200, body
    for number in range(20):
        status, body = served.post("/ask", str(number), "application/json", **{"x-request-timeout": "0.5"})
        assert status in (200, 429, 504), body
        refused += status == 429 or b"The model needs about" in body
    assert refused == 0
    figures(**{"calls with 0.5 s after a first one of 1 s: refused": f"{refused} of 20"})
