from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from jubako.contracts.runner import AnswerPerCall, CallJoiner, PendingBatch
from jubako.dispatch.compute import Begun, ComputeThread
from jubako.dispatch.immediate import ImmediatePolicy
from jubako.errors import BatchTooLarge, DeadlineExceeded, RunnerFailed, WrongRowCount
from jubako.runners import Runner
from jubako.values.batch_profile import BatchProfile, SizeCost

PATIENCE_S = 60


class Piece(PendingBatch):
    """A batch of `Overlapping`; ends when the test opens its gate."""

    def __init__(self, runner, rows):
        self.rows = rows
        self.gate = threading.Event()
        self.began_in = threading.get_ident()
        self.ended_in = None
        self._runner = runner

    @property
    def compute_s(self):
        return 0.25

    def result(self):
        assert self.gate.wait(PATIENCE_S), "the test forgot to open a gate"
        self.ended_in = threading.get_ident()
        self._runner.ended.append(len(self.rows))
        if len(self.rows) > self._runner.fits:
            raise BatchTooLarge("no room")
        if np.isnan(self.rows).any():
            raise ValueError("not a number")
        return -self.rows


class Overlapping(Runner):
    """Negates rows; every batch is begun at once and ends when its gate is opened, or at once if `is_free`."""

    def __init__(self):
        super().__init__("overlapping")
        self.pieces = []
        self.ended = []
        self.begun = threading.Semaphore(0)
        self.fits = 10**9
        self.is_free = False

    def _setup(self):
        pass

    def _run_batch(self, rows):
        piece = Piece(self, np.array(rows))
        if self.is_free:
            piece.gate.set()
        self.pieces.append(piece)
        self.begun.release()
        return piece

    async def began(self, count=1):
        for _ in range(count):
            assert await asyncio.to_thread(self.begun.acquire, timeout=PATIENCE_S)

    def open(self):
        self.is_free = True
        for piece in self.pieces:
            piece.gate.set()


@pytest.fixture
def runner():
    return Overlapping()


def row(value):
    return np.array([float(value)])


def rows(*values):
    return np.array([[float(value)] for value in values])


async def test_the_next_batch_begins_before_the_last_one_has_ended(make_dispatch, runner):
    dispatch = make_dispatch(max_batch_size=2)
    first = dispatch.start(rows(1, 2), is_single=False)
    second = dispatch.start(rows(3, 4), is_single=False)
    third = dispatch.start(rows(5, 6), is_single=False)
    await runner.began(2)
    # No more than two: what is begun later can still grow.
    assert len(runner.pieces) == 2
    # The later one is ready first; they are ended in order all the same.
    runner.pieces[1].gate.set()
    assert not runner.ended
    runner.pieces[0].gate.set()
    np.testing.assert_array_equal(await first, [[-1], [-2]])
    np.testing.assert_array_equal(await second, [[-3], [-4]])
    await runner.began()
    runner.open()
    np.testing.assert_array_equal(await third, [[-5], [-6]])
    assert len({piece.began_in for piece in runner.pieces}) == 1
    assert {piece.began_in for piece in runner.pieces}.isdisjoint({piece.ended_in for piece in runner.pieces})


async def test_a_batch_that_has_ended_is_answered_before_the_next_one_begins(make_dispatch, runner):
    runner.is_free = True
    dispatch = make_dispatch()
    for value in range(20):
        assert (await dispatch.call(row(value)))[0] == -value
    assert runner.ended == [1] * 20


async def test_the_cost_of_a_batch_is_the_devices_time_for_it_alone(make_dispatch, runner):
    heard = []

    class Listener:
        def batch_returned(self, record):
            heard.append(record.compute_s)

    dispatch = make_dispatch(max_batch_size=1, observers=[Listener()])
    runner.is_free = True
    for _ in range(4):
        await dispatch.call(row(1))
    assert heard == [0.25] * 4
    assert dispatch.lanes[0].cost.estimate_s(1) == pytest.approx(0.25)


async def test_a_batch_that_fails_in_its_result_is_split_behind_what_was_begun(make_dispatch, runner):
    dispatch = make_dispatch(max_batch_size=4)
    bad = [dispatch.start(row(value)) for value in (1, np.nan, 3, 4)]
    good = [dispatch.start(row(value)) for value in (5, 6, 7, 8)]
    await runner.began(2)
    runner.open()
    assert [(await call)[0] for call in good] == [-5, -6, -7, -8]
    outcomes = await asyncio.gather(*bad, return_exceptions=True)
    assert isinstance(outcomes[1], RunnerFailed)
    assert [outcomes[place][0] for place in (0, 2, 3)] == [-1, -3, -4]
    assert len(runner.pieces[0].rows) == len(runner.pieces[1].rows) == 4


async def test_a_batch_too_large_that_shows_in_its_result_loses_no_call(make_dispatch, runner):
    dispatch = make_dispatch(max_batch_size=64)
    runner.is_free = True
    runner.fits = 10
    for _ in range(8):
        answers = await asyncio.gather(*(dispatch.call(row(value)) for value in range(130)))
        assert [answer[0] for answer in answers] == [-value for value in range(130)]
    assert dispatch.lanes[0].limit_rows == 10


async def test_a_large_call_is_computed_in_pieces(make_dispatch, runner):
    dispatch = make_dispatch(max_batch_size=4)
    runner.is_free = True
    values = np.arange(30.0).reshape(15, 2)
    np.testing.assert_array_equal(await dispatch.call(values, is_single=False), -values)
    assert sorted(runner.ended) == [3, 4, 4, 4]


async def test_callers_that_leave_and_calls_that_are_late_get_no_second_try(make_dispatch, runner):
    dispatch = make_dispatch(max_batch_size=3)
    calls = [dispatch.start(row(value), timeout_s=timeout_s) for value, timeout_s in ((np.nan, 90), (2, 0.05), (3, 90))]
    await runner.began()
    calls[0].cancel()
    with pytest.raises(DeadlineExceeded):
        await calls[1]
    runner.open()
    assert (await calls[2])[0] == -3
    assert runner.ended == [3, 1]


class Steps(Begun):
    """Waits for a gate; then there is a result, or more to compute."""

    def __init__(self, result):
        self.gate = threading.Event()
        self._result = result

    def wait(self):
        assert self.gate.wait(PATIENCE_S)
        return self._result

    def go_on(self):
        return "computed in the end"


@pytest.fixture
async def thread():
    made = ComputeThread("test", asyncio.get_running_loop())
    yield made
    made.stop()


async def until(is_so):
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if is_so():
                return
            await asyncio.sleep(0)


async def test_what_is_alone_leaves_no_room_while_it_is_waited_for(thread):
    begun, begins, results = Steps("result"), threading.Event(), []
    thread.submit(lambda: (begins.set(), begun)[1], results.append, is_alone=True)
    assert await asyncio.to_thread(begins.wait, PATIENCE_S)
    assert not thread.has_room
    begun.gate.set()
    await until(lambda: thread.is_idle)
    assert results == ["result"]
    assert thread.has_room


async def test_the_watchdog_looks_at_the_batch_that_ends_next(thread):
    first, second, results = Steps(None), Steps("second"), []
    gate = threading.Event()
    thread.submit(lambda: first, results.append, until_s=10.0)
    thread.submit(lambda: (gate.wait(PATIENCE_S), second)[1], results.append, until_s=20.0)
    assert thread.running_until_s == 10.0
    first.gate.set()
    await until(lambda: thread.running_until_s != 10.0)
    # The first one failed, and is computed on behind the second: as long as that runs, its own end matters.
    assert thread.running_until_s == 20.0
    gate.set()
    second.gate.set()
    await until(lambda: thread.is_idle)
    assert sorted(results) == ["computed in the end", "second"]
    assert thread.running_until_s is None


async def test_what_runs_past_the_lanes_waits_for_what_was_begun(thread):
    begun, order = Steps("result"), []
    thread.submit(lambda: begun, lambda _: None)
    past = thread.run(lambda: order.append("past"))
    waited = thread.run(lambda: thread.wait_for(lambda: order.append("waited")))
    assert not past.done()
    order.append("opened")
    begun.gate.set()
    await asyncio.wrap_future(waited)
    assert order == ["opened", "past", "waited"]


async def test_a_wait_gives_the_error_of_what_it_waits_for(thread):
    def fail():
        raise KeyError("waited")

    with pytest.raises(KeyError, match="waited"):
        await asyncio.wrap_future(thread.run(lambda: thread.wait_for(fail)))


class PaddingJoiner(CallJoiner):
    """Joins rows of any length up to 8, padded with nan; each call gets its own answer."""

    def __init__(self):
        self.batches = []
        self.is_pending = False

    def fit_key(self, method, call):
        length = call.args[0].shape[1]
        if length == 13:
            raise ValueError("13 is no length")
        return None if length > 8 else (method, call.args[0].dtype.str)

    def run(self, method, calls):
        self.batches.append([call.args[0].shape for call in calls])
        if sum(call.rows for call in calls) > 8:
            raise BatchTooLarge("no room")
        answer = AnswerPerCall(tuple(-call.args[0] for call in calls))
        return Ready(answer) if self.is_pending else answer


class Ready(PendingBatch):
    compute_s = 0.001

    def __init__(self, answer):
        self._answer = answer

    def result(self):
        return self._answer


class Joined(Runner):
    def __init__(self):
        super().__init__("joined")
        self.call_joiner = PaddingJoiner()

    def open(self):
        pass

    def _setup(self):
        pass

    def _run_batch(self, rows):
        raise AssertionError("a joiner runs instead")


class TestJoiner:
    @pytest.fixture
    def runner(self):
        return Joined()

    @pytest.mark.parametrize("is_pending", [False, True])
    async def test_calls_of_different_lengths_are_one_batch_and_get_their_own_answers(
        self, make_dispatch, runner, is_pending
    ):
        runner.call_joiner.is_pending = is_pending
        dispatch = make_dispatch(max_batch_size=6)
        arrays = [np.full((2, length), float(length)) for length in (3, 5, 8)]
        answers = await asyncio.gather(*(dispatch.call(array, is_single=False) for array in arrays))
        for array, answer in zip(arrays, answers, strict=True):
            np.testing.assert_array_equal(answer, -array)
        assert runner.call_joiner.batches == [[(2, 3), (2, 5), (2, 8)]]

    async def test_a_single_row_comes_back_as_one(self, make_dispatch):
        dispatch = make_dispatch()
        np.testing.assert_array_equal(await dispatch.call(np.ones(4)), -np.ones(4))

    async def test_a_call_without_a_key_stays_alone(self, make_dispatch, runner):
        dispatch = make_dispatch(max_batch_size=6)
        await asyncio.gather(*(dispatch.call(np.ones((2, length)), is_single=False) for length in (9, 9, 3)))
        assert runner.call_joiner.batches == [[(2, 9)], [(2, 9)], [(2, 3)]]

    async def test_a_joiner_that_raises_for_a_key_leaves_the_call_alone_and_is_logged_once(self, make_dispatch, caplog):
        dispatch = make_dispatch()
        for _ in range(2):
            assert (await dispatch.call(np.ones((1, 13)), is_single=False)).shape == (1, 13)
        assert caplog.text.count("the call joiner of runner 'joined' failed in fit_key") == 1

    async def test_what_is_too_large_is_split_and_cut(self, make_dispatch, runner):
        dispatch = make_dispatch(max_batch_size=64)
        arrays = [np.full((rows, 2), float(rows)) for rows in (1, 3, 8, 20, 5)]
        answers = await asyncio.gather(*(dispatch.call(array, is_single=False) for array in arrays))
        for array, answer in zip(arrays, answers, strict=True):
            np.testing.assert_array_equal(answer, -array)
        assert dispatch.lanes[0].limit_rows < 20

    @pytest.mark.parametrize(
        ("answers", "message"),
        [
            ((), r"runner 'joined' returned 0 answers from 'run' for 1 calls"),
            ((np.ones((3, 2)),), r"runner 'joined' returned 3 rows from 'run' for 1 rows of input"),
            ((7,), r"runner 'joined' returned no batch from 'run', but a int"),
        ],
    )
    async def test_answers_are_counted(self, make_dispatch, runner, answers, message):
        runner.call_joiner.run = lambda method, calls: AnswerPerCall(answers)
        with pytest.raises(WrongRowCount, match=message):
            await make_dispatch().call(np.ones((1, 2)), is_single=False)


class Measured(Overlapping):
    def batch_profile(self, method):
        return BatchProfile(12, (SizeCost(1, 2.0), SizeCost(8, 9.0)))


class TestProfile:
    @pytest.fixture
    def runner(self):
        return Measured()

    async def test_it_sets_the_limit_and_the_cost_and_reaches_the_policy(self, make_dispatch, runner):
        told = []

        class Policy(ImmediatePolicy):
            def profile_known(self, profile):
                told.append(profile)

        lane = make_dispatch(policy=Policy).lanes[0]
        assert told == [runner.batch_profile("run")]
        assert lane.limit_rows == 12
        assert lane.cost.is_known
        assert (lane.cost.fixed_s, lane.cost.per_row_s) == (pytest.approx(1.0), pytest.approx(1.0))

    async def test_an_option_that_is_less_wins_and_a_policy_that_fails_is_left_out(self, make_dispatch, runner, caplog):
        class Failing(ImmediatePolicy):
            def profile_known(self, profile):
                raise ValueError("no")

        runner.is_free = True
        dispatch = make_dispatch(policy=Failing, max_batch_size=4)
        assert dispatch.lanes[0].limit_rows == 4
        assert (await dispatch.call(row(1)))[0] == -1
        assert "failed in profile_known" in caplog.text


def test_without_a_server_the_end_is_waited_for(runner):
    runner.is_free = True
    np.testing.assert_array_equal(runner.run(row(3)), row(-3))
    runner.fits = 0
    with pytest.raises(BatchTooLarge):
        runner.run(row(3))
    np.testing.assert_array_equal(Joined().run_batch(np.ones((2, 3))), -np.ones((2, 3)))
