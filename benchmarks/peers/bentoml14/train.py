"""Saves the forest, unless it is saved."""

from __future__ import annotations

import bentoml
import joblib
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

if not any(model.tag.name == "iris-forest" for model in bentoml.models.list()):
    flowers, kinds = load_iris(return_X_y=True)
    with bentoml.models.create("iris-forest") as saved:
        joblib.dump(
            RandomForestClassifier(n_estimators=100, random_state=0).fit(flowers, kinds), saved.path_of("model.joblib")
        )
