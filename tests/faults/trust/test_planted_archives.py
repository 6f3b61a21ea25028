"""Pickles planted in archives, under every format and with manifests that fit: imported, and never read."""

from __future__ import annotations

from pathlib import Path

import pytest

import jubako.models
from jubako.errors import InvalidManifest, ModelNotTrusted
from jubako.settings import Settings, StoreSettings
from jubako.testing.serializer_tests import pickles_that_create, planted_files
from jubako.workspace import open_workspace, using_workspace
from tests.faults.trust.conftest import DATA, FORMATS

pytestmark = [pytest.mark.row("planted-pickle"), pytest.mark.quick]


@pytest.fixture
def elsewhere(tmp_path, attacker):
    """Another machine, on which nothing is trusted."""
    plugins = attacker.workspace.settings.plugins
    settings = Settings(stores=StoreSettings(home=tmp_path / "other"), plugins=plugins)
    return open_workspace(settings, attacker.workspace.composition)


@pytest.mark.parametrize("serializer", FORMATS)
def test_an_archive_with_a_pickle_under_any_format_runs_nothing(serializer, attacker, elsewhere, tmp_path, figures):
    canary = tmp_path / "canary"
    model = attacker.save(serializer)
    name = FORMATS[serializer][1]
    planted = [*planted_files((model.path / name).read_bytes(), canary), *pickles_that_create(canary)]
    for number, content in enumerate(planted):
        attacker.replace(model, {name: content})
        place = jubako.models.export_model(model.tag, f"{tmp_path}/{number}.zip")
        with using_workspace(elsewhere):
            # What a manifest claims is what is loaded: the archive is in order, and its content is not.
            imported = jubako.models.import_model(Path(place))
            expected = (InvalidManifest, ModelNotTrusted) if serializer in DATA else ModelNotTrusted
            with pytest.raises(expected):
                attacker.load(imported)
            jubako.models.delete(imported.tag)
    assert not canary.exists()
    figures(**{f"{serializer}, in archives": f"{len(planted)} imported, none loaded: canary 0"})


def test_custom_objects_of_an_archive_are_not_read(attacker, elsewhere, tmp_path):
    canary = tmp_path / "canary"
    model = attacker.save("npy", custom_objects={"answer": 1})
    files = {path.name: path.read_bytes() for path in model.path.iterdir() if path.name != "model.yaml"}
    attacker.replace(model, {**files, "custom_objects.pkl": pickles_that_create(canary)[0]})
    place = jubako.models.export_model(model.tag, f"{tmp_path}/")
    with using_workspace(elsewhere):
        imported = jubako.models.import_model(place)
        with pytest.raises(ModelNotTrusted, match="Its custom objects are pickles"):
            _ = imported.custom_objects
    assert not canary.exists()
