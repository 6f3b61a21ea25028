"""The forests' own loop gives the very bits that scikit-learn gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from jubako_sklearn_runner.forests import fast_method

ROWS, CLASSES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])
CLASSIFIERS = (RandomForestClassifier, ExtraTreesClassifier)
REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor)
FITTED = {cls: cls(n_estimators=20, random_state=0).fit(ROWS, CLASSES) for cls in (*CLASSIFIERS, *REGRESSORS)}
CASES = [(cls, "predict") for cls in FITTED] + [(cls, "predict_proba") for cls in CLASSIFIERS]


@pytest.mark.parametrize(("cls", "method"), CASES)
@pytest.mark.parametrize(
    "rows", [ROWS, ROWS[:1], ROWS.astype(np.float32), ROWS.tolist(), scipy.sparse.csr_matrix(ROWS)]
)
def test_the_answers_are_the_very_bits_of_the_framework(cls, method, rows):
    found, expected = fast_method(FITTED[cls], method)(rows), getattr(FITTED[cls], method)(rows)
    assert (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=4), min_size=1, max_size=5),
    case=st.sampled_from(CASES),
)
def test_any_numbers_are_answered_with_the_bits_of_the_framework(rows, case):
    cls, method = case
    assert fast_method(FITTED[cls], method)(rows).tobytes() == getattr(FITTED[cls], method)(rows).tobytes()


@pytest.mark.parametrize("labels", [NAMES[CLASSES], NAMES[CLASSES].astype(object), CLASSES > 0])
def test_labels_of_every_kind_come_back_as_they_are(labels):
    model = RandomForestClassifier(5, random_state=0).fit(ROWS, labels)
    found, expected = fast_method(model, "predict")(ROWS), model.predict(ROWS)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_missing_values_are_taken_where_the_forest_takes_them():
    holes = ROWS.copy()
    holes[::3, 1] = np.nan
    model = RandomForestClassifier(5, random_state=0).fit(holes, CLASSES)
    np.testing.assert_array_equal(fast_method(model, "predict")(holes), model.predict(holes))


def test_a_forest_refuses_as_the_framework_does():
    for rows in (ROWS[:, :3], [["a"] * 4], ROWS[0]):
        with pytest.raises(ValueError, match=r".") as expected:
            FITTED[RandomForestClassifier].predict(rows)
        with pytest.raises(ValueError, match=r".") as found:
            fast_method(FITTED[RandomForestClassifier], "predict")(rows)
        assert str(found.value) == str(expected.value)


def test_frames_are_checked_by_name():
    frame = pd.DataFrame(ROWS, columns=list("abcd"))
    model = RandomForestClassifier(5, random_state=0).fit(frame, CLASSES)
    predict = fast_method(model, "predict")
    np.testing.assert_array_equal(predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        predict(frame.rename(columns={"a": "e"}))


class Reversed(RandomForestClassifier):
    """A subclass may have changed anything."""

    def predict(self, X):
        return super().predict(X)[::-1]


@pytest.mark.parametrize(
    "model",
    [
        Reversed(3).fit(ROWS, CLASSES),
        RandomForestClassifier(3).fit(ROWS, np.c_[CLASSES, CLASSES]),
        RandomForestClassifier(3),
    ],
)
def test_other_forests_are_left_to_the_framework(model):
    assert fast_method(model, "predict") is None


def test_a_forest_that_computes_otherwise_is_left_to_the_framework():
    model = RandomForestRegressor(3, random_state=0).fit(ROWS, CLASSES)
    # Stands for a release that weighs its trees: what the loop gives is no longer what the model gives.
    model.predict = lambda rows: RandomForestRegressor.predict(model, rows) + 1e-12
    assert fast_method(model, "predict") is None
