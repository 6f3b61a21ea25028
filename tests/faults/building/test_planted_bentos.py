"""Pickles in the models of a Bento, and Bentos changed after they were built: nothing of it is read."""

from __future__ import annotations

import shutil
import warnings

import attrs
import pytest

import jubako
from jubako.errors import JubakoError, ModelDigestMismatch, ModelNotTrusted
from jubako.services.bento import Bento
from jubako.stores.digests import digest_folder
from jubako.stores.manifests import write_bento_info, write_model_info
from jubako.testing.serializer_tests import pickles_that_create

pytestmark = [pytest.mark.row("planted-bento"), pytest.mark.quick]

SERVICE = """
import jubako
from jubako.io import JSON

model = jubako.picklable_model.load_runner("m")
svc = jubako.Service("toy", runners=[model])


@svc.api(input=JSON(), output=JSON())
def answer(value):
    return model.run(value)
"""


@pytest.fixture
def bento(context, tmp_path):
    """A Bento with one model that is code, in a folder of its own, and a home that trusts nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jubako.picklable_model.save("m", len)
    context.write("service.py", SERVICE)
    built = context.build()
    folder = tmp_path / "given"
    shutil.copytree(built.path, folder)
    for path in folder.rglob("*"):
        path.chmod(0o755)
    (context.workspace.settings.stores.home / ".store/trust").unlink()
    return Bento.from_folder(folder)


def write_manifest(bento, **changes):
    """Make `bento.yaml` fit the files again."""
    path = bento.path / "bento.yaml"
    path.unlink()
    files = digest_folder(bento.path)
    write_bento_info(bento.path, attrs.evolve(bento.info, files=files, **changes))


def ask(bento):
    return jubako.load(str(bento.path)).runners["m"].run([1])


def model_folder(bento):
    (manifest,) = bento.path.glob("models/m/*/model.yaml")
    return manifest.parent


def test_a_model_that_is_code_needs_trust_where_the_bento_came_from_elsewhere(bento):
    with pytest.raises(ModelNotTrusted):
        ask(bento)


def test_a_pickle_in_place_of_a_models_file_is_refused_by_its_digest(bento, tmp_path, figures):
    canary = tmp_path / "canary"
    (file,) = model_folder(bento).glob("*.pkl")
    planted = pickles_that_create(canary)
    for content in planted:
        file.write_bytes(content)
        with pytest.raises((ModelDigestMismatch, ModelNotTrusted)):
            ask(bento)
    assert not canary.exists()
    figures(exchanged=f"{len(planted)} pickles in place of a model's file: refused, canary 0")


def test_a_pickle_with_fitting_manifests_is_still_not_trusted(bento, tmp_path, figures):
    canary = tmp_path / "canary"
    folder = model_folder(bento)
    (file,) = folder.glob("*.pkl")
    info = jubako.models.get("m").info
    for content in pickles_that_create(canary):
        file.write_bytes(content)
        (folder / "model.yaml").unlink()
        write_model_info(folder, attrs.evolve(info, files=digest_folder(folder)))
        write_manifest(bento)
        with pytest.raises(ModelNotTrusted):
            ask(Bento.from_folder(bento.path))
    assert not canary.exists()
    figures(fitting="pickles with fitting model.yaml and bento.yaml: not trusted, canary 0")


@pytest.mark.parametrize("path", ["src/service.py", "models/{model}/model.yaml"])
def test_a_file_that_was_changed_since_the_build_is_refused(bento, path):
    place = bento.path / path.format(model=f"m/{model_folder(bento).name}")
    place.write_text(place.read_text() + "\n# changed\n")
    with pytest.raises(ModelDigestMismatch, match="is damaged, or was changed"):
        ask(bento)


@pytest.mark.parametrize(
    "service",
    ["../evil.py:svc", "{outside}/evil.py:svc", "..evil:svc", "os:path", "./../evil.py:svc", "src/../../evil.py:svc"],
)
def test_a_manifest_that_names_a_service_elsewhere_imports_nothing(bento, context, tmp_path, figures, service):
    canary = tmp_path / "canary"
    for folder in (bento.path, context.outside):
        (folder / "evil.py").write_text(f"open({str(canary)!r}, 'w')\nsvc = None\n")
    write_manifest(bento, service=service.format(outside=context.outside))
    with pytest.raises(JubakoError):
        jubako.load(str(bento.path))
    assert not canary.exists()
    figures(service="import strings of a manifest that lead out of src/: refused, canary 0")
