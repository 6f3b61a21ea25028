"""More calls than the model can compute: refused at once, and what is accepted is computed in order and in time."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.batcher.runners import written
from tests.faults.batcher.undisturbed import undisturbed
from tests.faults.load import Load, closed_loop, open_loop
from tests.faults.watched import Request

ASK = Request("/ask", "1")
ROWS_PER_S = 200.0
BATCH = 8
QUEUE = 100
REFUSED_WITHIN_MS = 5.0


def batching(**options: float) -> str:
    return f"runners: {{batching: {{{', '.join(f'{name}: {value}' for name, value in options.items())}}}}}"


def rate_of(load: Load) -> float:
    """Answers of 200 a second, over all of the time."""
    return len(load.of(200).answers) / load.seconds


@pytest.fixture
def served(serve_here):
    return serve_here(
        "paced", ASK, config=batching(max_batch_size=BATCH, max_queue_rows=QUEUE), FAULTS_ROW_S=str(1 / ROWS_PER_S)
    )


@pytest.mark.row("overload")
def test_what_is_too_much_is_refused_at_once_and_the_rest_is_computed(served, length, figures):
    ask = (served.port, ASK.path, ASK.body)
    with undisturbed(served) as is_alone:
        peak = rate_of(asyncio.run(closed_loop(*ask, callers=3 * BATCH, seconds=length(2.0, 10.0))))
        storm = asyncio.run(open_loop(*ask, rate=5 * ROWS_PER_S, seconds=length(5.0, 60.0)))
    accepted, refused = storm.of(200), storm.of(429)
    assert len(accepted.answers) + len(refused.answers) == len(storm.answers), storm.statuses
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused.answers)
    # What waits, what is computed, and what is ready to be.
    bound_ms = (QUEUE + 2 * BATCH) / ROWS_PER_S * 1000
    assert accepted.percentile_ms(99) < (1.3 if is_alone else 4) * bound_ms
    assert rate_of(storm) >= (0.9 if is_alone else 0.5) * peak
    if is_alone:
        assert refused.percentile_ms(length(95, 99)) <= length(3 * REFUSED_WITHIN_MS, REFUSED_WITHIN_MS)
    figures(
        offered_per_s=5 * ROWS_PER_S,
        refused=f"{len(refused.answers):,} of {len(storm.answers):,}",
        refused_p50_ms=refused.percentile_ms(50),
        refused_p99_ms=refused.percentile_ms(99),
        goodput_percent=round(100 * rate_of(storm) / peak, 1),
        accepted_p50_ms=accepted.percentile_ms(50),
        accepted_p99_ms=accepted.percentile_ms(99),
        a_full_queue_ms=bound_ms,
    )


@pytest.mark.row("overload-recovery")
def test_latencies_are_as_before_soon_after_an_overload(served, length, figures):
    ask = (served.port, ASK.path, ASK.body)
    storm_s = length(3.0, 20.0)

    async def play() -> tuple[Load, Load]:
        calm = await open_loop(*ask, rate=ROWS_PER_S / 4, seconds=2.0)
        storm = asyncio.create_task(open_loop(*ask, rate=5 * ROWS_PER_S, seconds=storm_s))
        await asyncio.sleep(storm_s)
        after = await open_loop(*ask, rate=ROWS_PER_S / 4, seconds=4.0)
        await storm
        return calm, after

    with undisturbed(served) as is_alone:
        calm, after = asyncio.run(play())
    assert set(after.statuses) <= {200, 429}
    usual_s = 2 * calm.percentile_ms(99) / 1000
    unusual = [
        answer.sent_s + answer.took_s for answer in after.answers if answer.status != 200 or answer.took_s > usual_s
    ]
    recovered_s = round(max(unusual, default=0.0), 2)
    assert recovered_s <= (2.0 if is_alone else 3.0)
    figures(recover_s=recovered_s, usual_p99_ms=calm.percentile_ms(99))


@pytest.mark.row("overload")
def test_nothing_is_computed_in_vain_when_calls_have_less_time_than_the_queue_would_take(serve_here, length, figures):
    config = f"server: {{timeout_s: 0.6}}\n{batching(max_batch_size=32)}"
    served = serve_here("paced", ASK, config=config, FAULTS_ROW_S=str(1 / ROWS_PER_S))
    ask = (served.port, ASK.path, ASK.body)
    with undisturbed(served) as is_alone:
        # The server learns what a batch costs; before that it refuses nobody.
        asyncio.run(closed_loop(*ask, callers=40, seconds=1.0))
        load = asyncio.run(open_loop(*ask, rate=3 * ROWS_PER_S, seconds=length(4.0, 30.0)))
    assert set(load.statuses) <= {200, 429, 504}, load.statuses
    percent = round(100 * rate_of(load) / ROWS_PER_S, 1)
    assert percent >= (85 if is_alone else 50)
    late = f"{len(load.of(504).answers):,} of {len(load.answers):,}"
    figures(goodput_with_short_deadlines_percent=percent, late=late)


@pytest.mark.row("order")
def test_calls_are_computed_in_their_order_under_twice_the_capacity(served, length, figures, tmp_path):
    """Each call is given its place in the order of arrival, and answers with it; the model writes down what it sees."""
    with undisturbed(served) as is_alone:
        load = asyncio.run(open_loop(served.port, "/queue_up", "1", rate=2 * ROWS_PER_S, seconds=length(4.0, 30.0)))
    assert set(load.statuses) == {200, 429}
    places = sorted(int(float(answer.body)) for answer in load.of(200).answers)
    computed = [int(float(number)) for batch in written(tmp_path) for number in batch]
    # Before them the good request of the harness, which is of another route.
    assert computed[-len(places) :] == places
    # From when the queue is full, all wait for about as long.
    full = load.of(200).between(2 * QUEUE / ROWS_PER_S, load.seconds)
    spread_ms = full.percentile_ms(100) - full.percentile_ms(0)
    batch_ms = BATCH / ROWS_PER_S * 1000
    assert spread_ms <= (2 if is_alone else 20) * batch_ms
    figures(
        out_of_order=f"0 of {len(places):,}",
        longest_minus_shortest_wait_ms=round(spread_ms, 1),
        a_batch_ms=batch_ms,
        p50_ms=full.percentile_ms(50),
        max_ms=full.percentile_ms(100),
    )
