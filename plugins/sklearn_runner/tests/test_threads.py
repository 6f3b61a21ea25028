"""Threads follow the placement, and no part of a model starts processes."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from joblib.parallel import get_active_backend
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_info, threadpool_limits

import jubako.sklearn
from jubako_sklearn_runner.object_graph import find_parts
from jubako_sklearn_runner.predictor import Predictor
from jubako_sklearn_runner.threads import ThreadLimit


class Observer(TransformerMixin, BaseEstimator):
    """Hands its input on and keeps what it sees of threads and of joblib."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        self.seen_ = ({one["num_threads"] for one in threadpool_info()}, get_active_backend())
        return X


def predictor_of(model, *, threads=1):
    return Predictor(model, "predict", runner_name="model", threads=threads, max_dense_bytes=2**20)


def threads_now():
    return {one["filepath"]: one["num_threads"] for one in threadpool_info()}


def test_native_threads_are_those_of_the_placement_while_the_model_runs(iris):
    observer = Observer()
    predict = predictor_of(make_pipeline(observer, LogisticRegression(max_iter=500)).fit(*iris))
    with threadpool_limits(2):
        predict(iris[0])
        assert observer.seen_[0] == {1}
        predict.close()
        assert set(threads_now().values()) == {2}


def test_threads_are_raised_as_far_as_the_environment_says(monkeypatch):
    # So it is in a replica, which is forked from a process of one thread.
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with threadpool_limits(1):
        limit = ThreadLimit(64)
        limit.enter()
        assert set(threads_now().values()) == {2}
        limit.close()
        assert set(threads_now().values()) == {1}


def test_threads_are_not_raised_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with threadpool_limits(1):
        limit = ThreadLimit(64)
        limit.enter()
        assert set(threads_now().values()) == {1}


def test_each_thread_that_computes_is_limited():
    seen = []

    def compute():
        with threadpool_limits(2, user_api="openmp"):
            limit.enter()
            seen.append({one["num_threads"] for one in threadpool_info() if one["user_api"] == "openmp"})

    limit = ThreadLimit(1)
    limit.enter()
    thread = threading.Thread(target=compute)
    thread.start()
    thread.join(60)
    limit.close()
    assert seen == [{1}]


def test_joblib_has_one_job_and_no_processes(iris):
    observer = Observer()
    model = make_pipeline(observer, BaggingClassifier(LogisticRegression(max_iter=500), random_state=0)).fit(*iris)
    expected = model.predict(iris[0])
    model[-1].n_jobs = 4
    np.testing.assert_array_equal(predictor_of(model)(iris[0]), expected)
    backend, jobs = observer.seen_[1]
    assert type(backend).__name__ == "ThreadingBackend"
    assert jobs == 1


def test_jobs_that_were_saved_with_a_model_are_taken_out_everywhere(iris):
    forests = [("one", RandomForestClassifier(3, n_jobs=-1)), ("two", RandomForestClassifier(3, n_jobs=2))]
    model = VotingClassifier(forests).fit(*iris)
    model.n_jobs = 4
    predictor_of(model)
    assert {part.n_jobs for part in find_parts(model, (RandomForestClassifier, VotingClassifier))} == {None}


@pytest.mark.usefixtures("workspace")
def test_a_runner_takes_its_threads_from_its_quota(iris):
    runner = jubako.sklearn.load_runner(jubako.sklearn.save("iris", LogisticRegression(max_iter=500).fit(*iris)))
    runner.resource_quota.cpu = 1
    assert runner.run(iris[0][0]) == 0
    assert runner.placement.threads == 1
