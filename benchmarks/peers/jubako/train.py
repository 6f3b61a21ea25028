"""Saves the forest, unless it is saved."""

from __future__ import annotations

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

import jubako
import jubako.sklearn

if not any(model.tag.name == "iris-forest" for model in jubako.models.list()):
    flowers, kinds = load_iris(return_X_y=True)
    jubako.sklearn.save("iris-forest", RandomForestClassifier(n_estimators=100, random_state=0).fit(flowers, kinds))
