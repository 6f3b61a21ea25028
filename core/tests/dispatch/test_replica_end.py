from __future__ import annotations

import numpy as np
import pytest

from jubako.contracts.backend import RunnerCall
from jubako.dispatch.messages import Answer, SentCall
from jubako.dispatch.replica_end import ReplicaEnd
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.runners.arguments import prepare_arguments
from jubako.runners.specs import MethodSpec
from jubako.values.signature import Signature

CALL = RunnerCall("run", (np.zeros(2),), {}, is_single=True, deadline_s=1.0)
ARGUMENTS = prepare_arguments(CALL, MethodSpec("run", "_run_batch", Signature()), PayloadTable(compose(candidates=())))


class Recorder:
    """Both the queue behind a replica's end and the line before it: notes what it is told."""

    def __init__(self):
        self.begun = []
        self.ended = []

    def started(self, numbers):
        self.begun += numbers

    def answered(self, answers):
        self.ended += [answer.number for answer in answers]

    def send(self, calls):
        pass

    def withdraw(self, numbers):
        pass


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def replica(recorder):
    end = ReplicaEnd(recorder)
    end.line = recorder
    return end


def sent(*numbers):
    return [SentCall(number, ARGUMENTS, 1.0, 0.0) for number in numbers]


def answers(*numbers):
    return [Answer(number, error=RuntimeError("-")) for number in numbers]


def test_what_a_replica_says_of_calls_that_were_taken_back_is_passed_over(replica, recorder):
    replica.send(sent(1, 2))
    replica.take_back(sent(1, 2))
    replica.started([1])
    replica.answered(answers(1))
    assert recorder.begun == recorder.ended == []


def test_calls_that_were_taken_back_and_dropped_are_forgotten_once_later_ones_begin(replica, recorder):
    for first in range(0, 1000, 10):
        replica.send(sent(*range(first, first + 9)))
        replica.take_back(sent(*range(first, first + 9)))
        replica.send(sent(first + 9))
        replica.started([first + 9])
        assert not replica._taken_back
    assert recorder.begun == list(range(9, 1000, 10))


def test_calls_that_it_had_begun_after_all_are_passed_over_until_they_end(replica, recorder):
    replica.send(sent(1, 2))
    replica.take_back(sent(1, 2))
    replica.send(sent(3))
    replica.started([1])
    replica.started([3])
    assert replica._taken_back == {1}
    replica.answered(answers(1, 3))
    assert (recorder.begun, recorder.ended) == ([3], [3])
    assert not replica._taken_back


def test_a_call_that_is_sent_to_it_again_is_heard_of_and_proves_nothing_of_the_others(replica, recorder):
    replica.send(sent(1, 2))
    replica.take_back(sent(1, 2))
    replica.send(sent(1))
    replica.started([1])
    replica.started([2])
    assert recorder.begun == [1]
