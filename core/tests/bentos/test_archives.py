"""Bentos that are exported, imported, pushed and pulled, and served from where they came to."""

from __future__ import annotations

import asyncio

import pytest

import jubako
from jubako.contracts.store import StoreKind
from jubako.models import save_object
from jubako.models.archives import untrusted_models
from jubako.settings import Settings, StoreSettings
from jubako.stores.local import LocalStore
from jubako.workspace import open_workspace, using_workspace


@pytest.fixture
def elsewhere(tmp_path):
    """Another machine's stores."""
    return open_workspace(Settings(stores=StoreSettings(home=tmp_path / "elsewhere")))


def answer(service, value):
    found = service.apis["answer"].func(value)
    return asyncio.run(found) if asyncio.iscoroutine(found) else found


@pytest.fixture
def bento(context):
    return jubako.build("service:svc", version="v1")


@pytest.mark.parametrize("form", [None, "native", "tar", "gz", "xz", "bz2", "zip", "folder"])
def test_a_bento_goes_to_another_machine_in_every_format(bento, elsewhere, tmp_path, form):
    place = jubako.export_bento("toy", f"{tmp_path}/", form)
    with using_workspace(elsewhere):
        imported = jubako.import_bento(place)
        assert (imported.tag, imported.digest, imported.info) == (bento.tag, bento.digest, bento.info)
        assert imported.path.is_relative_to(tmp_path / "elsewhere")
        assert answer(jubako.load("toy:v1"), {"a": 1}) == {"a": 1}


def test_a_bento_exports_itself(bento, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bento.export() == str(tmp_path / "toy-v1.bento")
    assert bento.export("x.tar.gz", "zip", overwrite=True) == str(tmp_path / "x.tar.gz")
    assert bento.export((tmp_path / "shared").as_uri()) == (tmp_path / "shared").as_uri()
    assert LocalStore(tmp_path / "shared", StoreKind.BENTOS).list() == [bento.tag]


def test_bentos_are_pushed_to_and_pulled_from_another_home(bento, elsewhere, tmp_path):
    assert jubako.push("toy", str(tmp_path / "shared")) == bento.tag
    with using_workspace(elsewhere):
        assert jubako.pull("toy", str(tmp_path / "shared")).info == bento.info
        assert jubako.pull("toy", str(tmp_path / "shared"), latest=True, force=True).tag == bento.tag


def test_models_in_a_bento_that_can_run_code_are_not_trusted_elsewhere(context, elsewhere, tmp_path, workspace):
    with pytest.warns(UserWarning, match="can run code"):
        tag = save_object("objects", {1}, module="toy", serializers=["cloudpickle"], framework_distributions=())
    bento = jubako.build("service:svc", version="v2", additional_models=[tag])
    assert untrusted_models(bento.path, StoreKind.BENTOS, workspace) == []
    place = jubako.export_bento(bento.tag, f"{tmp_path}/")
    with using_workspace(elsewhere):
        imported = jubako.import_bento(place)
        assert untrusted_models(imported.path, StoreKind.BENTOS, elsewhere) == [(tag, bento.info.models[0].digest)]
