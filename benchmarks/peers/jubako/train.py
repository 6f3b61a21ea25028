"""Saves the models, unless they are saved."""

from __future__ import annotations

import torch
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

import jubako
import jubako.sklearn
import jubako.torch
from benchmarks.inprocess.mlp import FEATURES, make_mlp

names = {model.tag.name for model in jubako.models.list()}
if "iris-forest" not in names:
    flowers, kinds = load_iris(return_X_y=True)
    jubako.sklearn.save("iris-forest", RandomForestClassifier(n_estimators=100, random_state=0).fit(flowers, kinds))
if "mlp" not in names:
    jubako.torch.save("mlp", make_mlp(), init={}, example_inputs=(torch.zeros(1, FEATURES),))
