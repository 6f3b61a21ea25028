"""The contracts of `jubako.testing`, with real estimators."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from jubako.testing import PluginTests, RunnerTypeTests, SerializerTests
from jubako_sklearn_runner.object_graph import first_difference

ROWS, CLASSES = load_iris(return_X_y=True)


class OwnClassifier(ClassifierMixin, BaseEstimator):
    """A class of the user's own, which skops does not take."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def forest():
    return RandomForestClassifier(5, random_state=0).fit(ROWS, CLASSES)


class TestSklearnRunnerPlugin(PluginTests):
    name = "sklearn_runner"


class TestSklearn(RunnerTypeTests):
    name = "sklearn"

    def make_model(self):
        return forest()

    def batch(self):
        return ROWS[:7]

    def predict(self, model, batch):
        return model.predict(batch)


class TestSklearnWithText(RunnerTypeTests):
    name = "sklearn"
    texts = ("a red apple", "two green pears", "three blue plums")

    def make_model(self):
        return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(self.texts, ["red", "green", "blue"])

    def batch(self):
        return list(self.texts)

    def predict(self, model, batch):
        return model.predict(batch)


class TestSkops(SerializerTests):
    name = "skops"

    def objects(self):
        scaled = make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(), [2]))
        return [
            make_pipeline(scaled, KNeighborsClassifier()).fit(ROWS[::10], CLASSES[::10]),
            forest(),
            GradientBoostingClassifier(n_estimators=3).fit(ROWS, CLASSES),
        ]

    def refused(self):
        return [OwnClassifier().fit(ROWS, CLASSES), {"a": 1}, OwnClassifier]

    def same(self, written, read):
        return first_difference(written, read) is None


class TestJoblib(SerializerTests):
    name = "joblib"

    def objects(self):
        return [OwnClassifier().fit(ROWS, CLASSES), forest()]

    def refused(self):
        return [LogisticRegression(class_weight=lambda: None)]

    def same(self, written, read):
        return first_difference(written, read) is None
