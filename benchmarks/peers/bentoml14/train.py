"""Saves the models, unless they are saved."""

from __future__ import annotations

import bentoml
import joblib
import torch
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from benchmarks.inprocess.mlp import make_mlp

names = {model.tag.name for model in bentoml.models.list()}
if "iris-forest" not in names:
    flowers, kinds = load_iris(return_X_y=True)
    with bentoml.models.create("iris-forest") as saved:
        joblib.dump(
            RandomForestClassifier(n_estimators=100, random_state=0).fit(flowers, kinds), saved.path_of("model.joblib")
        )
if "mlp" not in names:
    with bentoml.models.create("mlp") as saved:
        torch.save(make_mlp().state_dict(), saved.path_of("mlp.pt"))
