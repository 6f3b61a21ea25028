"""A workspace of its own for each test, with a runner type's worth of serializers."""

from __future__ import annotations

import pytest

from jubako.plugins import compose
from jubako.settings import Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace


@pytest.fixture(scope="session")
def composition():
    return compose()


@pytest.fixture
def workspace(tmp_path, composition):
    opened = open_workspace(Settings(stores=StoreSettings(home=tmp_path / "home")), composition)
    with using_workspace(opened):
        yield opened
