"""Telling whether two models are the same in every part."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import pytest
import scipy.sparse
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from jubako_sklearn_runner.object_graph import find_parts, first_difference

LOOP = []
LOOP.append(LOOP)


class Box:
    def __init__(self, value):
        self.value = value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        np.array([np.nan, -0.0]),
        {"a": [1, (2.0, None)]},
        np.random.RandomState(3),
        np.random.default_rng(3),
        scipy.sparse.csr_matrix(np.eye(2)),
        np.array([Box(1), "a"], dtype=object),
        np.ma.MaskedArray([1, 2], [True, False]),
        partial(np.mean, axis=1),
        slice(1, 2),
        LOOP,
    ],
)
def test_a_deep_copy_is_the_same(value):
    assert first_difference(value, copy.deepcopy(value)) is None


@pytest.mark.parametrize(
    ("one", "other", "where"),
    [
        (1, 1.0, "the object itself"),
        (1, True, "the object itself"),
        ({"a": 1}, {"a": 2}, "[str 'a']"),
        ({1: 0}, {"1": 0}, "the object itself"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "the object itself"),
        ([1, [2]], [1, [3]], "[1][0]"),
        (np.array([0.0]), np.array([-0.0]), "the object itself"),
        (np.array([1, 2]), np.array([1, 2], dtype=np.int32), "the object itself"),
        (np.array([1, 2]), np.array([[1, 2]]), "the object itself"),
        (np.array([1]), [1], "the object itself"),
        (Box({1}), Box({2}), ".value"),
        (Box(np.sin), Box(np.cos), ".value"),
        (scipy.sparse.csr_matrix([[1, 0]]), scipy.sparse.csr_matrix([[0, 1]]), ".indices"),
    ],
)
def test_a_difference_is_named_by_its_path(one, other, where):
    assert first_difference(one, other) == where


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(3), GradientBoostingClassifier(n_estimators=3), KNeighborsClassifier()]
)
def test_models_fitted_on_other_rows_differ(model, iris):
    rows, classes = iris
    one, other = copy.deepcopy(model).fit(rows[::2], classes[::2]), model.fit(rows[1::2], classes[1::2])
    assert first_difference(one, copy.deepcopy(one)) is None
    assert first_difference(one, other) is not None


def test_parts_are_found_in_lists_arrays_and_attributes(iris):
    forest = RandomForestClassifier(3).fit(*iris)
    assert list(find_parts(Box({"a": [(forest,)]}), (DecisionTreeClassifier,))) != []
    assert len(list(find_parts(forest, (DecisionTreeClassifier,)))) == 3 + 1  # and the one that they are clones of
    boosted = GradientBoostingClassifier(n_estimators=2).fit(*iris)
    assert len({id(part) for part in find_parts(boosted.estimators_, (object,)) if hasattr(part, "tree_")}) == 2 * 3
    assert list(find_parts(LOOP, (LogisticRegression,))) == []
