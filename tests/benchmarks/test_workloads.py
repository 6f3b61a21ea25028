from __future__ import annotations

import json

import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from benchmarks.errors import BenchmarkError
from benchmarks.workloads import WORKLOADS, Question, check_answer

QUESTION = Question((1.0, 2.0), (3.0,))
SEVERAL = Question((1.0,), (0.1, 2000.0), tolerance=1e-5)


@pytest.mark.parametrize("body", [b"3.0", b"3", b"[3.0]", b"[[3.0000000000001]]\n"])
def test_a_right_answer_is_the_number_alone_or_in_lists(body):
    check_answer(QUESTION, body)


@pytest.mark.parametrize("body", [b"", b"4", b"true", b"[3.0, 3.0]", b"[]", b'{"total": 3.0}', b"\xff", b'"3.0"'])
def test_any_other_answer_is_an_error_that_quotes_it(body):
    with pytest.raises(BenchmarkError, match=r"a wrong answer: b.* to \[1.0, 2.0\], where \[3.0\] is right"):
        check_answer(QUESTION, body)


@pytest.mark.parametrize("body", [b"[0.1, 2000.0]", b"[[0.100009, 2000.01]]"])
def test_several_numbers_are_right_within_the_tolerance(body):
    check_answer(SEVERAL, body)


@pytest.mark.parametrize("body", [b"[0.1]", b"[0.1, 2000.0, 0]", b"[2000.0, 0.1]", b"[0.10002, 2e3]", b"[0, 1]"])
def test_several_numbers_have_to_be_there_all_in_order_and_near(body):
    with pytest.raises(BenchmarkError, match="a wrong answer"):
        check_answer(SEVERAL, body)


def test_a_long_question_is_quoted_in_short():
    with pytest.raises(BenchmarkError, match=r"… 512 in all\]"):
        check_answer(WORKLOADS["W3"].questions[0], b"0")


@pytest.mark.needs("torch")
def test_the_model_of_w3_gives_the_answers_that_are_taken_for_right():
    import torch

    from benchmarks.inprocess.mlp import make_mlp

    questions = WORKLOADS["W3"].questions
    with torch.inference_mode():
        answers = make_mlp()(torch.tensor([question.row for question in questions]))

    for question, scores in zip(questions, answers.tolist(), strict=True):
        check_answer(question, json.dumps(scores).encode())


@pytest.mark.parametrize("seed", range(3))
def test_every_forest_knows_the_flowers_of_w2(seed):
    flowers, kinds = load_iris(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=100, random_state=seed).fit(flowers, kinds)

    questions = WORKLOADS["W2"].questions

    assert list(forest.predict([question.row for question in questions])) == [each.expected[0] for each in questions]
