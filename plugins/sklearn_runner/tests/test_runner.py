"""The runner answers what the framework itself answers, and refuses what the framework refuses."""

from __future__ import annotations

import asyncio
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import SparsePCA
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import jubako.sklearn
from jubako.backends.inline import open_backend
from jubako.errors import BadInput, InvalidArgument, RunnerFailed

pytestmark = pytest.mark.usefixtures("workspace")


def runner_of(model, function_name="predict"):
    return jubako.sklearn.load_runner(jubako.sklearn.save("model", model), function_name)


def serve(workspace, runner, calls):
    """Start the runner in the inline backend, make all calls at once, and return their answers or errors."""

    async def run():
        backend = open_backend(workspace.composition, workspace.settings)
        await backend.start([runner])
        try:
            return await asyncio.gather(*(runner.async_run(call) for call in calls), return_exceptions=True)
        finally:
            await backend.stop()

    return asyncio.run(run())


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_each_method_answers_as_the_model_does(iris, method):
    rows, classes = iris
    model = LogisticRegression(max_iter=500).fit(rows, classes)
    runner = runner_of(model, method)
    np.testing.assert_array_equal(runner.run_batch(rows), getattr(model, method)(rows))
    np.testing.assert_array_equal(runner.run(rows[70]), getattr(model, method)(rows[70:71])[0])


def test_the_other_methods_of_a_model_are_called_by_name(workspace, iris):
    rows, classes = iris
    model = LogisticRegression(max_iter=500).fit(rows, classes)
    runner = runner_of(model)
    np.testing.assert_array_equal(runner.run_batch(rows), model.predict(rows))
    np.testing.assert_array_equal(runner.predict_proba.run_batch(rows), model.predict_proba(rows))
    score = model.decision_function(rows[70:71])[0]
    np.testing.assert_array_equal(runner.method("decision_function").run(rows[70]), score)
    with pytest.raises(InvalidArgument, match=r"no method 'fit'.\nIt has 'run', 'predict', 'predict_proba'"):
        runner.method("fit")
    assert not hasattr(runner, "fit")

    async def serve_both():
        backend = open_backend(workspace.composition, workspace.settings)
        await backend.start([runner])
        try:
            calls = [call for row in rows for call in (runner.async_run(row), runner.predict_proba.async_run(row))]
            return await asyncio.gather(*calls)
        finally:
            await backend.stop()

    answers = asyncio.run(serve_both())
    assert answers[::2] == list(model.predict(rows))
    np.testing.assert_allclose(answers[1::2], model.predict_proba(rows), rtol=1e-12)


def test_served_rows_are_answered_as_the_model_does(workspace, iris):
    rows, classes = iris
    model = RandomForestClassifier(20, random_state=0).fit(rows, classes)
    assert serve(workspace, runner_of(model), list(rows)) == list(model.predict(rows))


def test_a_model_fitted_on_a_frame_gets_frames(iris_frame, recwarn):
    frame, classes = iris_frame
    columns = list(frame.columns)
    kinds = frame.assign(kind=np.where(frame[columns[0]] > 5.8, "large", "small"))
    model = make_pipeline(
        make_column_transformer((StandardScaler(), columns), (OneHotEncoder(), ["kind"])),
        LogisticRegression(max_iter=500),
    ).fit(kinds, classes)
    runner = runner_of(model, "predict_proba")
    np.testing.assert_array_equal(runner.run_batch(kinds), model.predict_proba(kinds))
    # Another order of columns is the same input, by name.
    np.testing.assert_array_equal(runner.run_batch(kinds[kinds.columns[::-1]]), model.predict_proba(kinds))
    np.testing.assert_allclose(runner.run(kinds.iloc[3]), model.predict_proba(kinds.iloc[3:4])[0], rtol=1e-12)
    assert not [warning for warning in recwarn if "feature names" in str(warning.message)]


def test_a_frame_without_a_column_is_refused_with_its_name(iris_frame):
    frame, classes = iris_frame
    runner = runner_of(LogisticRegression(max_iter=500).fit(frame, classes))
    with pytest.raises(BadInput, match="petal width"):
        runner.run_batch(frame.drop(columns="petal width (cm)"))


def test_an_array_for_a_model_with_feature_names_goes_by_position(iris_frame):
    frame, classes = iris_frame
    model = LogisticRegression(max_iter=500).fit(frame, classes)
    runner = runner_of(model)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        found = runner.run_batch(frame.to_numpy())
    np.testing.assert_array_equal(found, model.predict(frame))


def test_frames_that_a_transformer_makes_come_back_as_frames(iris_frame):
    frame, _ = iris_frame
    model = StandardScaler().set_output(transform="pandas").fit(frame)
    pd.testing.assert_frame_equal(runner_of(model, "transform").run_batch(frame), model.transform(frame))


def test_lists_of_rows_are_taken(iris):
    rows, classes = iris
    model = LogisticRegression(max_iter=500).fit(rows, classes)
    np.testing.assert_array_equal(runner_of(model).run_batch(rows.tolist()), model.predict(rows))


def test_texts_are_rows():
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(["red apple", "green pear"], ["apple", "pear"])
    runner = runner_of(model)
    assert runner.run("an apple") == "apple"
    assert list(runner.run_batch(["an apple", "a pear"])) == ["apple", "pear"]


def test_a_sparse_answer_comes_dense():
    model = CountVectorizer().fit(["red apple", "green pear"])
    runner = runner_of(model, "transform")
    expected = model.transform(["red pear", "apple"]).toarray()
    np.testing.assert_array_equal(runner.run_batch(["red pear", "apple"]), expected)
    np.testing.assert_array_equal(runner.run("apple"), expected[1])


def test_a_sparse_answer_that_would_fill_the_memory_halves_the_batch(workspace):
    model = HashingVectorizer(n_features=2**14)
    runner = runner_of(model, "transform")
    runner.max_dense_bytes = 2**20
    texts = [f"word{number}" for number in range(20)]
    answers = serve(workspace, runner, texts)
    np.testing.assert_array_equal(np.stack(answers), model.transform(texts).toarray())


def test_outputs_side_by_side_come_as_a_tuple(iris):
    rows, classes = iris
    model = RandomForestClassifier(5, random_state=0).fit(rows, np.c_[classes, classes > 0])
    runner = runner_of(model, "predict_proba")
    expected = model.predict_proba(rows)
    for found, column in zip(runner.run_batch(rows), expected, strict=True):
        np.testing.assert_array_equal(found, column)
    for found, column in zip(runner.run(rows[70]), expected, strict=True):
        np.testing.assert_array_equal(found, column[70])


def test_distances_and_indices_of_neighbours_come_as_a_tuple(iris):
    model = KNeighborsClassifier(3).fit(*iris)
    distances, indices = runner_of(model, "kneighbors").run_batch(iris[0][:5])
    np.testing.assert_array_equal(indices, model.kneighbors(iris[0][:5])[1])
    np.testing.assert_array_equal(distances, model.kneighbors(iris[0][:5])[0])


def test_a_transformer_that_drops_the_axis_of_a_single_row_is_put_right(iris):
    model = SparsePCA(2, random_state=0).fit(iris[0])
    assert model.transform(iris[0][:1]).shape == (2,)
    np.testing.assert_allclose(
        runner_of(model, "transform").run(iris[0][7]), model.transform(iris[0][:8])[7], rtol=1e-9
    )


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (np.ones((2, 3)), "X has 3 features, but LogisticRegression is expecting 4 features as input"),
        (np.full((1, 4), np.nan), "Input X contains NaN"),
        (np.array([["a", "b", "c", "d"]]), "not compatible with arrays of bytes/strings"),
        (np.ones((2, 4, 2)), "Found array with dim 3"),
        ([[1.0, 2.0], [3.0]], "inhomogeneous"),
    ],
)
def test_what_the_model_refuses_is_bad_input_with_its_reason(iris, rows, reason):
    runner = runner_of(LogisticRegression(max_iter=500).fit(*iris))
    with pytest.raises(BadInput, match=re.escape(reason)) as caught:
        runner.run_batch(rows)
    assert "runner 'model'" in str(caught.value)
    assert caught.value.error_code == 400


def test_one_bad_row_of_a_batch_costs_only_its_own_answer(workspace, iris):
    rows, classes = iris
    model = LogisticRegression(max_iter=500).fit(rows, classes)
    calls = [*rows[:31], np.full(4, np.nan), *rows[31:63]]
    answers = serve(workspace, runner_of(model), calls)
    assert isinstance(answers.pop(31), BadInput)
    assert answers == list(model.predict(rows[:63]))


def test_a_model_that_is_not_fitted_is_no_fault_of_the_caller():
    with pytest.raises(RunnerFailed, match="not fitted"):
        runner_of(LogisticRegression()).run(np.ones(4))


def test_a_method_that_the_model_does_not_have_is_named_with_those_it_has(iris):
    runner = runner_of(RandomForestRegressor(3).fit(*iris), "predict_proba")
    with pytest.raises(InvalidArgument, match=r"no method 'predict_proba'.\n.*this one has predict, apply"):
        runner.run(iris[0][0])


@pytest.mark.parametrize(
    "method", ["fit", "fit_predict", "partial_fit", "set_params", "get_params", "__class__", "a b", ""]
)
def test_methods_that_change_the_model_are_refused_before_it_is_loaded(iris, method):
    tag = jubako.sklearn.save("model", LogisticRegression(max_iter=500).fit(*iris))
    with pytest.raises(InvalidArgument, match="cannot be served"):
        jubako.sklearn.load_runner(tag, method)


def test_a_method_that_save_does_not_know_is_called_for_each_caller_alone(iris):
    model = RandomForestClassifier(3).fit(*iris)
    runner = runner_of(model, "decision_path")
    assert not runner.batch_options.enabled


def test_a_vectorizer_that_opens_files_is_not_served(tmp_path):
    (tmp_path / "one.txt").write_text("red apple")
    model = CountVectorizer(input="filename").fit([str(tmp_path / "one.txt")])
    runner = runner_of(model, "transform")
    with pytest.raises(InvalidArgument, match="would open any file that a caller names"):
        runner.run("/etc/passwd")
