from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.contracts.backend import RunnerCall
from jubako.dispatch.isolation import IsolatedBatch
from jubako.dispatch.messages import SentCall
from jubako.errors import BadInput, BatchTooLarge, DeadlineExceeded, JubakoError, RunnerFailed
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.runners.arguments import join_arguments, prepare_arguments
from jubako.runners.execution import Share
from jubako.runners.specs import MethodSpec
from jubako.values.signature import Signature

TABLE = PayloadTable(compose(candidates=()))
SPEC = MethodSpec("run", "_run_batch", Signature())


def sent(number, array, *, is_single=True, deadline_s=math.inf):
    call = RunnerCall("run", (array,), {}, is_single, deadline_s)
    return SentCall(number, prepare_arguments(call, SPEC, TABLE), deadline_s, time.monotonic())


class Doubler:
    """Doubles rows; fails on negative ones, and on more rows than fit."""

    def __init__(self, *, error=None, fits=10**9):
        self.error = error or BadInput("negative")
        self.fits = fits
        self.sizes = []

    def __call__(self, arguments):
        (rows,), _ = join_arguments(arguments, 0)
        self.sizes.append(len(rows))
        if len(rows) > self.fits:
            raise BatchTooLarge("out of memory")
        if (rows < 0).any():
            raise self.error
        answers, start = [], 0
        for call in arguments:
            part = rows[start : start + call.rows] * 2
            answers.append(Share(part[0] if call.is_single else part))
            start += call.rows
        return answers, 0.001


def joined(shares):
    return Share(np.concatenate([share.take() for share in shares]))


def isolated(compute, **options):
    return IsolatedBatch("doubler", compute, joined, **options)


def never(position):
    return False


@given(st.integers(1, 64), st.sets(st.integers(0, 63), max_size=5))
def test_bad_rows_at_any_position_fail_alone_and_cheaply(count, bad):
    bad = {position for position in bad if position < count}
    rows = [np.array([-1.0 if position in bad else float(position)]) for position in range(count)]
    compute = Doubler()
    outcome = isolated(compute).run([sent(number, row) for number, row in enumerate(rows)], 128, never)
    assert set(outcome.answers) == set(range(count))
    for position, row in enumerate(rows):
        answer = outcome.answers[position]
        if position in bad:
            assert isinstance(answer.error, BadInput)
        else:
            assert answer.error is None
            np.testing.assert_array_equal(answer.share.take(), row * 2)
    assert len(compute.sizes) <= 1 + 2 * len(bad) * math.ceil(math.log2(count) if count > 1 else 1)
    assert outcome.is_clean == (not bad)


def test_a_runner_that_is_not_idempotent_fails_the_whole_batch_once():
    compute = Doubler()
    calls = [sent(0, np.array([1.0])), sent(1, np.array([-1.0]))]
    outcome = isolated(compute, is_idempotent=False).run(calls, 128, never)
    assert compute.sizes == [2]
    errors = [outcome.answers[position].error for position in (0, 1)]
    assert all(isinstance(error, RunnerFailed) for error in errors)
    assert errors[0] is not errors[1]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 6))
def test_a_device_that_is_too_small_loses_no_call(sizes, fits):
    batches = [np.arange(size, dtype=float).reshape(size, 1) for size in sizes]
    compute = Doubler(fits=fits)
    outcome = isolated(compute).run(
        [sent(number, batch, is_single=False) for number, batch in enumerate(batches)], 128, never
    )
    for position, batch in enumerate(batches):
        np.testing.assert_array_equal(outcome.answers[position].share.take(), batch * 2)
    if outcome.too_many_rows is not None:
        assert outcome.too_many_rows == min(size for size in compute.sizes if size > fits)


def test_what_did_not_fit_a_moment_ago_is_not_tried_again():
    compute = Doubler(fits=10)
    outcome = isolated(compute).run([sent(number, np.ones(1)) for number in range(64)], 128, never)
    assert [size for size in compute.sizes if size > 10] == [64, 32, 16]
    assert outcome.too_many_rows == 16
    assert all(answer.error is None for answer in outcome.answers.values())


def test_a_call_over_the_known_limit_is_cut_before_it_is_tried():
    compute = Doubler(fits=4)
    outcome = isolated(compute).run([sent(0, np.ones((10, 1)), is_single=False)], 4, never)
    assert compute.sizes == [4, 4, 2]
    assert outcome.answers[0].share.take().shape == (10, 1)
    assert outcome.too_many_rows is None


def test_one_row_that_does_not_fit_fails_alone_and_says_so():
    outcome = isolated(Doubler(fits=0)).run([sent(0, np.ones(1)), sent(1, np.ones(1))], 128, never)
    for position in (0, 1):
        with pytest.raises(RunnerFailed, match=r"cannot compute 1 rows.*\n.*out of memory"):
            raise outcome.answers[position].error


def test_late_and_dropped_calls_cost_no_compute():
    compute = Doubler()
    calls = [sent(0, np.ones(1), deadline_s=time.monotonic() - 1), sent(1, np.ones(1)), sent(2, np.ones(1))]
    outcome = isolated(compute).run(calls, 128, lambda position: position == 1)
    assert compute.sizes == [1]
    assert isinstance(outcome.answers[0].error, DeadlineExceeded)
    assert 1 not in outcome.answers
    assert outcome.answers[2].error is None


def test_a_piece_that_fails_fails_its_whole_call_with_its_own_error():
    rows = np.ones((6, 1))
    rows[5] = -1
    outcome = isolated(Doubler(fits=2)).run([sent(0, rows, is_single=False)], 2, never)
    assert isinstance(outcome.answers[0].error, BadInput)


def test_pieces_whose_answers_cannot_be_joined_fail_their_call_alone():
    def widening(arguments):
        widening.width += 1
        return [np.ones((call.rows, widening.width)) for call in arguments], 0.001

    widening.width = 0
    outcome = isolated(widening).run([sent(0, np.ones((6, 1)), is_single=False)], 2, never)
    with pytest.raises(RunnerFailed, match="runner 'doubler' failed"):
        raise outcome.answers[0].error


class TextCode(JubakoError):
    error_code = "418"


class WithoutText(JubakoError):
    error_code = None

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "error", [TextCode("odd"), WithoutText(), KeyboardInterrupt()], ids=lambda each: type(each).__name__
)
@pytest.mark.parametrize("is_idempotent", [True, False])
def test_whatever_a_runner_raises_every_call_of_its_batch_is_answered(error, is_idempotent):
    batch = isolated(Doubler(error=error), is_idempotent=is_idempotent)
    outcome = batch.run([sent(0, np.array([-1.0])), sent(1, np.array([-2.0]))], 100, never)
    assert sorted(outcome.answers) == [0, 1]
    assert all(isinstance(answer.error, JubakoError) for answer in outcome.answers.values())
