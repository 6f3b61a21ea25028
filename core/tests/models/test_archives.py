"""Models that are exported, imported, pushed and pulled by the functions that programs call."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest

from jubako import models
from jubako.contracts.store import StoreKind
from jubako.errors import AlreadyExists, InvalidArchive, InvalidArgument, ModelNotTrusted, NotFound, PluginError
from jubako.models.archives import untrusted_models
from jubako.settings import ArchiveSettings, Settings, StoreSettings
from jubako.stores.local import LocalStore
from jubako.workspace import open_workspace, using_workspace


@pytest.fixture
def elsewhere(tmp_path, composition):
    """Another machine's stores."""
    return open_workspace(Settings(stores=StoreSettings(home=tmp_path / "elsewhere")), composition)


@pytest.fixture
def array():
    return np.arange(12.0).reshape(3, 4)


@pytest.fixture
def saved(workspace, array):
    """A model whose format is data."""
    return models.save_object("numbers", array, module="toy", serializers=["npy"], framework_distributions=())


@pytest.fixture
def code(workspace):
    """A model whose format can run code."""
    with pytest.warns(UserWarning, match="can run code"):
        return models.save_object("objects", {1}, module="toy", serializers=["cloudpickle"], framework_distributions=())


def load(tag):
    return models.load_object(tag, module="toy")


@pytest.mark.parametrize("form", [None, "native", "tar", "gz", "xz", "bz2", "zip", "folder"])
def test_a_model_goes_to_another_machine_in_every_format(saved, elsewhere, array, tmp_path, form):
    here = models.get(saved)
    place = models.export_model("numbers", f"{tmp_path}/", form)
    with using_workspace(elsewhere):
        model = models.import_model(place)
        assert (model.tag, model.digest, model.info) == (saved, here.digest, here.info)
        assert model.origin == place
        assert np.array_equal(load("numbers"), array)


def test_a_model_exports_itself(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert models.get(saved).export() == str(tmp_path / f"numbers-{saved.version}.jubako-model")
    with pytest.raises(AlreadyExists):
        models.get(saved).export()
    assert models.get(saved).export(Path("x.zip"), overwrite=True) == str(tmp_path / "x.zip")
    assert models.get(saved).export("y", "tar") == str(tmp_path / "y")


def test_an_imported_model_that_can_run_code_is_not_trusted(code, elsewhere, tmp_path):
    assert load(code) == {1}
    place = models.export_model(code, f"{tmp_path}/")
    with using_workspace(elsewhere):
        model = models.import_model(place)
        assert untrusted_models(model.path, StoreKind.MODELS, elsewhere) == [(code, model.digest)]
        with pytest.raises(ModelNotTrusted, match=rf"it came from '{place}'(.|\n)*jubako models trust {code}"):
            load(code)
        model.trust()
        assert load(code) == {1}
        assert untrusted_models(model.path, StoreKind.MODELS, elsewhere) == []


def test_models_are_pushed_to_and_pulled_from_another_home(saved, elsewhere, array, tmp_path):
    shared = tmp_path / "shared"
    assert models.push("numbers", shared.as_uri()) == saved
    assert models.push("numbers", str(shared)) == saved  # there already
    with using_workspace(elsewhere):
        model = models.pull("numbers", str(shared))
        assert model.origin == shared.as_uri()
        assert models.pull("numbers", str(shared)) == model
        assert np.array_equal(load("numbers"), array)


def test_another_model_of_the_tag_is_replaced_only_by_force(saved, workspace, elsewhere, tmp_path):
    shared = LocalStore(tmp_path / "shared", StoreKind.MODELS)
    models.push(saved, str(shared.home))
    models.delete(saved)
    with models.create("numbers") as draft:
        (draft.path / "a").write_text("another")
    place = models.export_model("numbers", f"{tmp_path}/", "folder")
    manifest = Path(place) / "model.yaml"
    manifest.write_text(manifest.read_text().replace(draft.tag.version, saved.version))
    models.import_model(place)
    with pytest.raises(AlreadyExists, match=r"--force \(in Python force=True\)"):
        models.push(saved, str(shared.home))
    with pytest.raises(AlreadyExists):
        models.pull(saved, str(shared.home))
    models.push(saved, str(shared.home), force=True)
    assert (shared.open(saved) / "a").read_text() == "another"


@pytest.mark.parametrize("function", [models.push, models.pull])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, r"no other store was named\.\nDo: give the URL of a store, such as file:///mnt/shared/jubako"),
        ("", r"no other store was named"),
        ("prod", r"'prod' names no store(.|\n)*a folder here is './prod'"),
        ("toy://me:secret@host/x", r"a URL of scheme 'toy' has credentials in it(.|\n)*leave them out"),
    ],
)
def test_a_store_that_cannot_be_meant_is_answered_with_what_can(saved, function, url, words):
    with pytest.raises(InvalidArgument, match=words) as caught:
        function("numbers", url)
    assert "secret" not in str(caught.value)


def test_a_scheme_that_nobody_offers_is_named(saved):
    with pytest.raises(PluginError, match="toy"):
        models.push("numbers", "toy://place")
    with pytest.raises(NotFound, match="nobody"):
        models.export_model("nobody", "")


def test_stores_can_be_given(saved, tmp_path, workspace):
    store = LocalStore(tmp_path / "given", StoreKind.MODELS)
    place = models.export_model(saved, f"{tmp_path}/", "tar", _model_store=workspace.model_store)
    assert models.import_model(place, "tar", latest=True, _model_store=store).path.is_relative_to(store.home)
    assert models.push(saved, str(tmp_path / "third"), _model_store=store) == saved
    models.delete(saved, _model_store=store)
    assert models.pull(saved, str(tmp_path / "third"), latest=True, _model_store=store).tag == saved


def test_the_limits_are_those_of_the_settings(saved, elsewhere, tmp_path):
    settings = Settings(stores=StoreSettings(home=tmp_path / "small", archives=ArchiveSettings(max_bytes=100)))
    place = models.export_model(saved, f"{tmp_path}/")
    narrow = using_workspace(attrs.evolve(elsewhere, settings=settings))
    with narrow, pytest.raises(InvalidArchive, match=r"stores\.archives\.max_bytes"):
        models.import_model(place)
