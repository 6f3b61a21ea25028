from __future__ import annotations

import asyncio

import numpy as np
import pytest

from jubako.contracts.batch_policy import BatchPolicy, Decision, QueueView
from jubako.dispatch.cost import LearnedCost
from jubako.dispatch.guarded_policy import GuardedPolicy
from jubako.dispatch.immediate import ImmediatePolicy
from jubako.testing.batch_policy_tests import BatchPolicyTests
from jubako.values.resources import BatchOptions

IDLE = QueueView(waiting_rows=1, limit_rows=8, is_full=False, oldest_arrival_s=10.0, running_batches=0)


def guarded(make, **options):
    return GuardedPolicy(make, BatchOptions(**options), LearnedCost(), name="'odd' of plugin test", runner_name="r")


class TestGuardedImmediate(BatchPolicyTests):
    def make_policy(self, options, cost):
        return GuardedPolicy(ImmediatePolicy, options, cost, name="'immediate'", runner_name="r")


class Odd(BatchPolicy):
    """Decides as an immediate policy does, and fails in one method."""

    fails_in = ""
    error: BaseException = KeyError("odd")
    decision: object = Decision(send=True)

    def __init__(self, options, cost):
        self.asked = 0
        self._fail("its constructor")

    def _fail(self, where):
        if where == self.fails_in:
            raise self.error

    def decide(self, queue, now_s):
        self.asked += 1
        self._fail("decide")
        return self.decision

    def batch_sent(self, rows, now_s):
        self._fail("batch_sent")

    def batch_returned(self, rows, seconds, waiting_rows, now_s):
        self._fail("batch_returned")


def odd(**attributes):
    return type("Odd", (Odd,), attributes)


@pytest.mark.parametrize("error", [KeyError("odd"), SystemExit(3), StopIteration()])
@pytest.mark.parametrize("where", ["its constructor", "decide", "batch_sent", "batch_returned"])
async def test_a_policy_that_raises_is_named_once_and_no_call_is_lost(make_dispatch, caplog, where, error):
    dispatch = make_dispatch(policy=odd(fails_in=where, error=error), max_batch_size=4)
    answers = await asyncio.wait_for(
        asyncio.gather(*(dispatch.call(np.array([float(value)])) for value in range(40))), 60
    )
    assert [answer[0] for answer in answers] == [-value for value in range(40)]
    (said,) = [record.getMessage() for record in caplog.records if "batch policy" in record.getMessage()]
    assert said.startswith(f"batch policy the test's of runner 'gated' failed in {where} and is not asked any more;")


@pytest.mark.parametrize(
    "decision",
    [
        None,
        True,
        Decision(send=False, look_again_s=float("nan")),
        Decision(send=False, look_again_s="soon"),
        Decision(send=True, max_rows=0),
        Decision(send=True, max_rows="many"),
    ],
)
def test_what_is_no_decision_is_not_followed(caplog, decision):
    policy = guarded(odd(decision=decision))
    assert policy.decide(IDLE, 10.0) == Decision(send=True)
    assert "batch policy 'odd' of plugin test of runner 'r' failed in decide" in caplog.text


@pytest.mark.parametrize("look_again_s", [None, 9.0, 1e9, float("inf")])
def test_a_hold_ends_after_the_longest_wait_whatever_the_policy_wants(look_again_s):
    policy = guarded(odd(decision=Decision(send=False, look_again_s=look_again_s)), max_wait_ms=20)
    now_s, looks = 10.0, 0
    while not (decision := policy.decide(IDLE, now_s)).send:
        looks += 1
        now_s = max(decision.look_again_s, now_s + 0.001)
    assert now_s == pytest.approx(10.02, abs=0.002)
    assert looks < 25


def test_a_policy_may_wait_for_a_batch_that_runs():
    running = QueueView(waiting_rows=1, limit_rows=8, is_full=False, oldest_arrival_s=10.0, running_batches=1)
    policy = guarded(odd(decision=Decision(send=False)), max_wait_ms=20)
    assert policy.decide(running, 10.0) == Decision(send=False)
    assert policy.decide(running, 11.0) == Decision(send=False)
    # When the batch has returned, the hold begins.
    assert policy.decide(IDLE, 11.0) == Decision(send=False, look_again_s=11.02)


async def test_a_policy_that_holds_for_ever_delays_calls_and_loses_none(make_dispatch):
    dispatch = make_dispatch(policy=odd(decision=Decision(send=False)), max_wait_ms=5)
    answers = await asyncio.wait_for(
        asyncio.gather(*(dispatch.call(np.array([float(value)])) for value in range(10))), 60
    )
    assert [answer[0] for answer in answers] == [-value for value in range(10)]
