from __future__ import annotations

import json
import pickle

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jubako.errors
from jubako.backends.process.answer_codec import AnswerCodec
from jubako.backends.process.call_codec import CallCodec
from jubako.backends.process.error_codec import RemoteCause, decode_error, encode_error
from jubako.backends.process.frames import FrameReader
from jubako.contracts.backend import RunnerCall
from jubako.dispatch.messages import Answer, SentCall
from jubako.errors import BadInput, InternalServerError, JubakoError, RunnerFailed, TooManyRequests
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.runners.arguments import prepare_arguments
from jubako.runners.execution import Share
from jubako.runners.specs import MethodSpec
from jubako.values.signature import Signature

TABLE = PayloadTable(compose(candidates=()))
BATCHED = MethodSpec("run", "_run_batch", Signature())
SIMPLE = MethodSpec("run", "_run", Signature(batchable=False), takes_batches=False)


def frames_of(pieces):
    reader = FrameReader()
    found = []
    rest = memoryview(b"".join(bytes(piece) for piece in pieces))
    while rest:
        space = reader.space()
        count = min(len(rest), len(space))
        space[:count] = rest[:count]
        rest = rest[count:]
        found += reader.received(count)
    assert reader.is_between_frames
    return found


def sent(number, *args, spec=BATCHED, is_single=True, **kwargs):
    call = RunnerCall("run", args, kwargs, is_single, 100.0)
    return SentCall(number, prepare_arguments(call, spec, TABLE), 100.0 + number, 1.0 + number)


def through(calls, spec=BATCHED):
    """The calls as the replica has them, the frames they came in, and what was refused on either side."""
    codec = CallCodec("runner", {"run": spec}, TABLE)
    refused = {}

    def refuse(numbers, error):
        refused.update(dict.fromkeys(numbers, error))

    frames = frames_of(codec.encode("run", calls, refuse))
    arrived = [call for frame in frames for call in codec.decode(frame, refuse)[1]]
    return sorted(arrived, key=lambda call: call.number), frames, refused


def answers_through(answers):
    codec = AnswerCodec("runner", TABLE)
    frames = frames_of(codec.encode("run", answers))
    return {answer.number: answer for frame in frames for answer in codec.decode(frame)[1]}, frames


def test_calls_that_fit_together_travel_as_one_batch():
    calls = [sent(number, np.full(3, float(number))) for number in range(64)]
    arrived, (frame,), _ = through(calls)
    assert len(frame.buffers) == 1
    for before, after in zip(calls, arrived, strict=True):
        np.testing.assert_array_equal(after.arguments.args[0], before.arguments.args[0])
        assert (after.number, after.deadline_s, after.queued_s) == (before.number, before.deadline_s, before.queued_s)
        assert (after.arguments.rows, after.arguments.is_single, after.arguments.size_bytes) == (1, True, 24)
    assert len({call.arguments.fit_key for call in arrived}) == 1


def test_calls_that_do_not_fit_arrive_apart_in_the_same_frame():
    given_values = [np.zeros(2), np.zeros(3), np.zeros(2, np.float32), "text", {"a": 1}, np.zeros(2)]
    calls = [sent(number, value) for number, value in enumerate(given_values)]
    arrived, frames, _ = through(calls)
    assert len(frames) == 1
    keys = [call.arguments.fit_key for call in arrived]
    assert keys[0] == keys[5]
    assert len(set(keys)) == 4
    assert [call.arguments.args[0][0] for call in arrived[3:5]] == ["text", {"a": 1}]


def test_constants_and_names_of_arguments_arrive():
    calls = [
        sent(number, np.ones((2, 3)), is_single=False, scale=scale, weights=np.ones(2))
        for number, scale in enumerate([1, 1.0, True, 1, [1, 2]])
    ]
    arrived, _, _ = through(calls)
    assert [type(call.arguments.kwargs.get("scale")) for call in arrived[:4]] == [int, float, bool, int]
    keys = [call.arguments.fit_key for call in arrived[:4]]
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3


def test_a_call_that_is_tried_again_arrives_alone():
    calls = [sent(number, np.ones(3)) for number in range(3)]
    again = attrs.evolve(calls[1], tries=1, arguments=attrs.evolve(calls[1].arguments, fit_key=None))
    arrived, _, _ = through([calls[0], again, calls[2]])
    assert [call.tries for call in arrived] == [0, 1, 0]
    assert arrived[1].arguments.fit_key is None
    assert arrived[0].arguments.fit_key == arrived[2].arguments.fit_key is not None


def test_large_arguments_are_not_copied_together():
    calls = [sent(number, np.zeros(20_000)) for number in range(3)]
    _, frames, _ = through(calls)
    assert sum(len(frame.buffers) for frame in frames) == 3


class Unsendable:
    def __reduce__(self):
        raise ValueError("mine alone")


def test_a_call_that_cannot_be_sent_is_refused_and_the_others_leave():
    calls = [sent(number, value) for number, value in enumerate(["a", Unsendable(), "b"])]
    arrived, _, refused = through(calls)
    assert [call.arguments.args[0] for call in arrived] == [["a"], ["b"]]
    assert set(refused) == {1}
    assert "mine alone" in str(refused[1])
    assert "inline" in refused[1].do


def unpickle_here():
    raise ImportError("not in this process")


class Unreadable:
    def __reduce__(self):
        return unpickle_here, ()


def test_a_call_that_cannot_be_read_is_refused_by_the_replica():
    arrived, _, refused = through([sent(0, "a"), sent(1, np.ones(2)), sent(2, Unreadable(), spec=SIMPLE)])
    assert [call.number for call in arrived] == [0, 1]
    assert "not in this process" in str(refused[2])


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=PLAIN)
def test_numbers_text_bytes_and_what_holds_them_are_never_pickled_and_arrive_as_they_were(value):
    ((call,), frames, _) = through([sent(0, value, spec=SIMPLE)], SIMPLE)
    assert "pickle" not in str(frames[0].meta)
    assert call.arguments.args == (value,)
    assert repr(call.arguments.args) == repr((value,))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3).astype(dtype)
        for dtype in ("bool", "i1", "u2", ">i4", "f2", "f4", "f8", "c16", "U3", "S4", "M8[s]", "m8[ms]")
    ]
    + [np.zeros((0, 3)), np.zeros(()), np.arange(12.0).reshape(3, 4).T, np.arange(10)[::-2]],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_are_never_pickled_wherever_they_stand(array):
    for value in (array, [array], {"x": (array, 1)}, array.reshape(-1)[0] if array.size else 0):
        ((call,), frames, _) = through([sent(0, value, spec=SIMPLE)], SIMPLE)
        assert "pickle" not in str(frames[0].meta)
        assert repr(call.arguments.args[0]) == repr(value)
        assert type(call.arguments.args[0]) is type(value)


def test_other_values_are_pickled_with_their_buffers_beside_them():
    class_of_mine = pickle.PickleError("mine")
    ((call,), frames, _) = through([sent(0, class_of_mine, spec=SIMPLE)], SIMPLE)
    assert "pickle" in str(frames[0].meta)
    assert repr(call.arguments.args[0]) == repr(class_of_mine)


def share_of(result, start, stop, *, rows, is_single=False):
    return Share(result, TABLE.for_value(result), start, stop, rows, 0, is_single)


def test_the_result_of_a_batch_is_sent_once():
    result = np.arange(64.0)
    answers = [Answer(number, share_of(result, number, number + 1, rows=64, is_single=True)) for number in range(64)]
    arrived, (frame,) = answers_through(answers)
    assert [len(buffer) for buffer in frame.buffers] == [512]
    assert [arrived[number].share.take() for number in range(64)] == list(result)


def test_only_the_rows_of_this_worker_are_sent():
    result = np.arange(30.0).reshape(10, 3)
    mine = [(0, 2), (2, 3), (7, 10)]
    answers = [Answer(start, share_of(result, start, stop, rows=10)) for start, stop in mine]
    arrived, (frame,) = answers_through(answers)
    assert [len(buffer) for buffer in frame.buffers] == [72, 72]
    for start, stop in mine:
        np.testing.assert_array_equal(arrived[start].share.take(), result[start:stop])


@pytest.mark.parametrize(
    "result", [["a", {"b": 1}, None], (np.arange(3), ["x", "y", "z"]), [(1, "a"), (2, "b"), (3, "c")]]
)
def test_results_of_other_kinds_arrive(result):
    answers = [Answer(row, share_of(result, row, row + 1, rows=3, is_single=True)) for row in range(3)]
    arrived, _ = answers_through(answers)
    assert [repr(arrived[row].share.take()) for row in range(3)] == [
        repr(answers[row].share.take()) for row in range(3)
    ]


def test_an_answer_that_cannot_be_sent_costs_only_its_own_call():
    answers = [Answer(0, Share(Unsendable())), Answer(1, Share("fine")), Answer(2, Share(Unreadable()))]
    arrived, _ = answers_through(answers)
    assert "mine alone" in str(arrived[0].error)
    assert arrived[1].share.take() == "fine"
    assert "not in this process" in str(arrived[2].error)


CLASSES = [cls for cls in vars(jubako.errors).values() if isinstance(cls, type) and issubclass(cls, JubakoError)]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_of_jubako_arrives_as_it_was(cls):
    error = cls("what", why="Why.", do="this")
    arrived = decode_error(encode_error(error))
    assert type(arrived) is cls
    assert (str(arrived), arrived.message, arrived.why, arrived.do) == (str(error), "what", "Why.", "this")
    assert arrived.error_code == error.error_code
    assert arrived.problem_slug() == error.problem_slug()


def test_fields_of_errors_arrive():
    bad = decode_error(encode_error(BadInput("wrong", field="$.a[3]", expected="a number")))
    assert (bad.field, bad.expected, str(bad)) == ("$.a[3]", "a number", "wrong\nExpected a number.")
    assert decode_error(encode_error(TooManyRequests("full", retry_after_s=7.5))).retry_after_s == 7.5


class Teapot(BadInput):
    error_code = 418

    def __init__(self, size, colour):
        self.size = size
        super().__init__(f"a {colour} teapot of {size}")


class Terse(JubakoError):
    error_code = 422

    def __init__(self):
        pass

    def __str__(self):
        return "in my own words"


def test_a_users_error_arrives_as_the_nearest_of_jubako_with_its_own_status():
    arrived = decode_error(encode_error(Teapot(3, "green")))
    assert type(arrived) is BadInput
    assert (str(arrived), arrived.error_code, BadInput.error_code) == ("a green teapot of 3", 418, 400)
    assert (arrived.problem_slug(), BadInput.problem_slug()) == ("teapot", "bad-input")
    arrived = decode_error(encode_error(Terse()))
    assert (type(arrived), str(arrived), arrived.error_code) == (JubakoError, "in my own words", 422)


def test_a_users_error_arrives_whatever_it_keeps_under_our_names():
    class Odd(BadInput):
        error_code = "418"

        def __init__(self):
            self.message = {"reason": 1}
            self.field = 3

        @property
        def expected(self):
            raise RuntimeError("no expectation")

        def __str__(self):
            raise RuntimeError("no text")

    arrived = decode_error(json.loads(json.dumps(encode_error(Odd()))))
    assert (type(arrived), arrived.error_code, arrived.field, arrived.expected) == (BadInput, 500, "3", "")


def test_an_error_that_quotes_lone_surrogates_arrives():
    arrived = decode_error(encode_error(BadInput("\ud800 is no name", field="\udfff")))
    assert (arrived.message, arrived.field) == ("? is no name", "?")


def test_what_a_runner_raised_is_named_as_the_cause():
    error = RunnerFailed("it failed")
    error.__cause__ = ZeroDivisionError("by zero")
    arrived = decode_error(encode_error(error))
    assert isinstance(arrived.__cause__, RemoteCause)
    assert str(arrived.__cause__) == "ZeroDivisionError: by zero"


def test_any_other_error_is_an_internal_one():
    arrived = decode_error(encode_error(KeyError("lost")))
    assert type(arrived) is InternalServerError
    assert "KeyError: 'lost'" in str(arrived)
    assert type(decode_error(["Exit", "now", "", "", {}, 500, None, "internal-server-error"])) is InternalServerError
