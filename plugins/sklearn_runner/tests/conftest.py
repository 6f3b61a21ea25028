"""Fixtures for all tests of the scikit-learn plugin."""

from __future__ import annotations

import attrs
import pytest
from sklearn.datasets import load_iris

from jubako.settings import Settings
from jubako.workspace import open_workspace, using_workspace


def pytest_addoption(parser):
    parser.addoption("--every-estimator", action="store_true", help="save every estimator, on any Python")


@pytest.fixture
def workspace(tmp_path):
    """An empty home, with the installed plugins, in force for the test."""
    settings = Settings()
    settings = attrs.evolve(settings, stores=attrs.evolve(settings.stores, home=tmp_path / "home"))
    workspace = open_workspace(settings)
    with using_workspace(workspace):
        yield workspace


@pytest.fixture(scope="session")
def iris():
    """The iris data: 150 rows of 4 numbers, and 3 classes."""
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def iris_frame():
    """The iris data as a DataFrame with named columns, and 3 classes."""
    return load_iris(return_X_y=True, as_frame=True)
