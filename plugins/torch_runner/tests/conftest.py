"""Fixtures for all tests of the PyTorch plugin. Modules to serve are in `importable/sample_modules.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import attrs
import pytest
import torch

from jubako.settings import Settings
from jubako.workspace import open_workspace, using_workspace

IMPORTABLE = Path(__file__).parent / "importable"
# What is stored as data names its class, which has to be importable, as it would be beside a service.
sys.path.insert(0, str(IMPORTABLE))


@pytest.fixture
def workspace(tmp_path):
    """An empty home, with the installed plugins, in force for the test."""
    settings = Settings()
    settings = attrs.evolve(settings, stores=attrs.evolve(settings.stores, home=tmp_path / "home"))
    workspace = open_workspace(settings)
    with using_workspace(workspace):
        yield workspace


@pytest.fixture(autouse=True)
def _same_random_numbers():
    """Weights and inputs are the same in every run."""
    torch.manual_seed(0)
