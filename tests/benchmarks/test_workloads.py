from __future__ import annotations

import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from benchmarks.errors import BenchmarkError
from benchmarks.workloads import WORKLOADS, Question, check_answer

QUESTION = Question((1.0, 2.0), 3.0)


@pytest.mark.parametrize("body", [b"3.0", b"3", b"[3.0]", b"[[3.0000000000001]]\n"])
def test_a_right_answer_is_the_number_alone_or_in_lists(body):
    check_answer(QUESTION, body)


@pytest.mark.parametrize("body", [b"", b"4", b"true", b"[3.0, 3.0]", b"[]", b'{"total": 3.0}', b"\xff", b'"3.0"'])
def test_any_other_answer_is_an_error_that_quotes_it(body):
    with pytest.raises(BenchmarkError, match=r"a wrong answer: b.* to \[1.0, 2.0\], where 3.0 is right"):
        check_answer(QUESTION, body)


@pytest.mark.parametrize("seed", range(3))
def test_every_forest_knows_the_flowers_of_w2(seed):
    flowers, kinds = load_iris(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=100, random_state=seed).fit(flowers, kinds)

    questions = WORKLOADS["W2"].questions

    assert list(forest.predict([question.row for question in questions])) == [each.expected for each in questions]
