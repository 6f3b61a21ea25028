from __future__ import annotations

import asyncio
import threading

import numpy as np
import pandas as pd
import pytest

import jubako
from jubako.errors import BadInput, InvalidArgument, RunnerFailed, WrongRowCount
from jubako.runners import Runner, SimpleRunner
from jubako.values.placement import Placement


class Sums(Runner):
    def _setup(self):
        self.offset = 0.5

    def _run_batch(self, rows, scale=1.0):
        return rows.sum(axis=1) * scale + self.offset

    @jubako.batch_method(input_batch_axis=1, output_batch_axis=1)
    def columns(self, block):
        return block * 10


class Answering(Runner):
    """Returns whatever the test gave it."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def _setup(self):
        pass

    def _run_batch(self, *args, **kwargs):
        return self.answer(*args, **kwargs) if callable(self.answer) else self.answer


class Simple(SimpleRunner):
    def _setup(self):
        self.thread = threading.get_ident()

    def _run(self, *args, **kwargs):
        return args, kwargs


def test_a_runner_is_named_as_told_or_after_its_class():
    assert Sums().name == "Sums"
    assert Sums("iris-clf.v2").name == "iris_clf_v2"
    assert Sums("2nd").name == "_2nd"
    with pytest.raises(InvalidArgument, match="cannot be named ''"):
        Sums("")


def test_run_takes_one_row_and_run_batch_a_batch():
    runner = Sums()
    assert runner.run(np.array([1.0, 2.0])) == 3.5
    np.testing.assert_array_equal(runner.run_batch(np.ones((3, 2))), [2.5, 2.5, 2.5])


def test_constants_of_run_batch_reach_the_runner_as_they_are():
    np.testing.assert_array_equal(Sums().run_batch(np.ones((2, 2)), scale=10.0), [20.5, 20.5])


async def test_async_calls_work_without_a_server():
    runner = Sums()
    assert await runner.async_run(np.array([1.0, 2.0])) == 3.5
    np.testing.assert_array_equal(await runner.async_run_batch(np.ones((1, 2))), [2.5])


async def test_an_async_call_in_place_does_not_block_the_loop():
    release = threading.Event()
    runner = Answering(lambda rows: rows if release.wait(60) else None)
    call = asyncio.ensure_future(runner.async_run(1))
    await asyncio.sleep(0)
    release.set()
    assert await call == 1


def test_a_method_is_called_by_name_along_its_own_axes():
    method = Sums().method("columns")
    np.testing.assert_array_equal(method.run(np.array([1.0, 2.0])), [10.0, 20.0])
    assert method.run_batch(np.ones((2, 5))).shape == (2, 5)


def test_an_unknown_method_is_refused_and_the_known_ones_are_listed():
    with pytest.raises(InvalidArgument, match=r"no method 'predict'.\nIt has 'run', 'columns'"):
        Sums().method("predict")


def test_frames_and_series_go_in_and_rows_come_out():
    runner = Answering(lambda frame: frame * 2)
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    pd.testing.assert_series_equal(runner.run(frame.iloc[1]), frame.iloc[1] * 2, check_names=False)
    pd.testing.assert_series_equal(runner.run(frame.iloc[[1]]), frame.iloc[1] * 2)
    pd.testing.assert_frame_equal(runner.run_batch(frame), frame * 2)


def test_any_other_value_is_batched_as_a_list():
    runner = Answering(lambda items: [item["n"] + 1 for item in items])
    assert runner.run({"n": 4}) == 5
    assert runner.run_batch([{"n": 1}, {"n": 2}]) == [2, 3]
    assert runner.run_batch(({"n": 1}, {"n": 2})) == [2, 3]


def test_a_tuple_of_results_is_split_for_each_row():
    runner = Answering(lambda rows: (rows.sum(axis=1), [str(row[0]) for row in rows]))
    assert runner.run(np.array([1, 2])) == (3, "1")
    sums, names = runner.run_batch(np.ones((2, 2), int))
    np.testing.assert_array_equal(sums, [2, 2])
    assert names == ["1", "1"]


def test_no_rows_give_no_rows():
    assert Sums().run_batch(np.ones((0, 2))).shape == (0,)


def test_a_call_without_arguments_is_answered():
    assert Answering(lambda: ["pong"]).run() == "pong"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.ones(3), "returned 3 rows from 'run' for 2 rows"),
        ([1], "returned 1 rows from 'run' for 2 rows"),
        (None, "returned no batch from 'run', but a NoneType"),
        (7, "returned no batch from 'run', but a int"),
        ({"a": [1, 2], "b": [1]}, r"parts of a dictionary have \[1, 2\] rows"),
        ({"a": 1}, "a value of type int is no batch"),
        (([1, 2], [1]), r"parts of a tuple have \[1, 2\] rows"),
    ],
)
def test_a_wrong_number_of_rows_is_told_by_name(answer, words):
    with pytest.raises(WrongRowCount, match=words):
        Answering(lambda rows: answer).run_batch(np.ones((2, 2)))


def test_arguments_of_different_rows_are_refused():
    with pytest.raises(InvalidArgument, match=r"have \[2, 3\] rows"):
        Answering(lambda a, b: a).run_batch(np.ones((2, 1)), np.ones((3, 1)))


def test_an_error_of_the_runner_is_told_with_its_name_and_cause():
    def fail(rows):
        raise KeyError("weights")

    with pytest.raises(RunnerFailed, match=r"runner 'Answering' failed in 'run'.\nKeyError: 'weights'") as caught:
        Answering(fail).run(1)
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_error_of_jubako_passes_as_it_is():
    def refuse(rows):
        raise BadInput("too long")

    with pytest.raises(BadInput, match="too long"):
        Answering(refuse).run(1)


def test_a_set_up_that_fails_says_why_and_is_tried_again():
    class Late(Answering):
        tries = 0

        def _setup(self):
            self.tries += 1
            if self.tries == 1:
                raise OSError("not yet")

    runner = Late([1])
    with pytest.raises(RunnerFailed, match=r"'Late' could not be set up.\nOSError: not yet"):
        runner.run(1)
    assert runner.run(1) == 1


def test_the_placement_is_known_before_set_up():
    class Placed(Answering):
        def _setup(self):
            assert isinstance(self.placement, Placement)

    runner = Placed([1])
    runner.resource_quota.cpu = 1
    runner.run(1)
    assert runner.placement.threads == 1
    assert runner.placement.environment["OMP_NUM_THREADS"] == "1"


def test_a_simple_runner_gets_its_arguments_as_they_are():
    assert Simple().run(1, "two", three=[3]) == ((1, "two"), {"three": [3]})
    assert not hasattr(Simple(), "run_batch")


def test_options_are_assigned_and_checked():
    runner = Sums()
    runner.batch_options.max_batch_size = 4
    runner.resource_quota.cpu = "500m"
    assert runner.resource_quota.cpu == 0.5
    with pytest.raises(InvalidArgument, match="max_batch_size cannot be 0"):
        runner.batch_options.max_batch_size = 0
    assert Sums().batch_options.max_batch_size == 128


def test_another_batch_axis_for_lists_is_refused():
    runner = Answering(lambda rows: rows)
    runner.batch_options.input_batch_axis = 1
    with pytest.raises(InvalidArgument, match="axis 0 only, not 1"):
        runner.run_batch([1, 2])


def test_an_abstract_runner_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Runner()
