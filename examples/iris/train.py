"""Trains a random forest on the iris flowers and saves it in the model store."""

from __future__ import annotations

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

import jubako.sklearn
from jubako import Tag


def train_and_save() -> Tag:
    """Return the exact tag of a new version of the model `iris-forest`."""
    flowers = load_iris()
    forest = RandomForestClassifier(random_state=0).fit(flowers.data, flowers.target)
    labels = {"data": "iris"}
    metadata = {"features": list(flowers.feature_names), "kinds": [str(name) for name in flowers.target_names]}
    return jubako.sklearn.save("iris-forest", forest, labels=labels, metadata=metadata)


if __name__ == "__main__":
    print(f"saved {train_and_save()}")
