"""Pickles put into a store by hand, under every format and with everything around them made to fit: none is read."""

from __future__ import annotations

import itertools
import os
import tempfile

import pytest

import jubako.models
from jubako.errors import InvalidManifest, JubakoError, ModelDigestMismatch, ModelNotTrusted
from jubako.testing.serializer_tests import pickles_that_create, planted_files
from tests.faults.trust.conftest import DATA, FORMATS

pytestmark = [pytest.mark.row("planted-pickle"), pytest.mark.quick]


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


@pytest.mark.parametrize("serializer", FORMATS)
def test_a_file_that_the_manifest_does_not_name_is_refused(attacker, canary, serializer):
    model = attacker.save(serializer)
    attacker.write(model.path / "extra.pkl", pickles_that_create(canary)[0])
    with pytest.raises(ModelDigestMismatch, match=r"extra\.pkl does not belong there"):
        attacker.load(model)


@pytest.mark.parametrize("serializer", FORMATS)
def test_a_file_that_was_exchanged_is_refused_by_its_digest(attacker, canary, figures, serializer):
    model = attacker.save(serializer)
    path = model.path / FORMATS[serializer][1]
    original = path.read_bytes()
    planted = list(planted_files(original, canary))
    # As long as what was there, so that nothing but its digest gives it away.
    planted += [pickled.ljust(len(original), b" ") for pickled in pickles_that_create(canary)]
    for content in planted:
        attacker.write(path, content)
        with pytest.raises(ModelDigestMismatch):
            attacker.load(model)
    assert not canary.exists()
    figures(**{serializer: f"{len(planted)} exchanged files, all refused: canary 0"})


@pytest.mark.parametrize("serializer", DATA)
def test_a_data_format_reads_no_pickle_though_manifest_and_record_fit_it(attacker, canary, figures, serializer):
    model = attacker.save(serializer)
    name = FORMATS[serializer][1]
    planted = list(planted_files((model.path / name).read_bytes(), canary))
    for content in planted:
        attacker.replace(model, {name: content})
        # Refused by its own loader, not by a digest; and nothing else is tried.
        with pytest.raises((InvalidManifest, ModelNotTrusted)):
            attacker.load(model)
    assert not canary.exists()
    figures(**{serializer: f"{len(planted)} planted with fitting manifests, all refused: canary 0"})


@pytest.mark.parametrize("serializer", ["cloudpickle", "joblib"])
def test_a_code_format_is_refused_before_its_file_is_opened(attacker, canary, figures, serializer):
    model = attacker.save(serializer)
    attacker.load(model)
    name = FORMATS[serializer][1]
    for content in pickles_that_create(canary):
        attacker.replace(model, {name: content})
        with pytest.raises(ModelNotTrusted, match="can run any code"):
            attacker.load(model)
    assert not canary.exists()
    figures(**{serializer: f"{len(pickles_that_create(canary))} in place of a trusted one, all refused: canary 0"})


@pytest.mark.parametrize(("said", "meant"), list(itertools.permutations(FORMATS, 2)))
def test_a_format_that_is_renamed_is_read_as_it_is_called_or_not_at_all(attacker, canary, said, meant):
    model = attacker.save(meant)
    pickled = pickles_that_create(canary)[0]
    changes = {"serializer": said, "module": FORMATS[said][0]}
    for content in (pickled, (model.path / FORMATS[meant][1]).read_bytes()):
        for name in {FORMATS[said][1], FORMATS[meant][1]}:
            # The digest of what was saved, which is trusted if it was code, covers the name of the format.
            attacker.replace(model, {name: content}, **changes)
            with pytest.raises(ModelNotTrusted if said not in DATA else (InvalidManifest, ModelNotTrusted)):
                jubako.models.load_object(model.tag, module=changes["module"])
    assert not canary.exists()


def test_custom_objects_that_are_put_beside_data_are_not_read(attacker, canary):
    model = attacker.save("npy")
    array = (model.path / "array.npy").read_bytes()
    for pickled in pickles_that_create(canary):
        attacker.replace(model, {"array.npy": array, "custom_objects.pkl": pickled}, has_custom_objects=True)
        opened = jubako.models.get(model.tag)
        assert attacker.load(model).tolist() == [0.0, 1.0, 2.0]
        with pytest.raises(ModelNotTrusted, match="Its custom objects are pickles"):
            assert opened.custom_objects
    # Taken out of the manifest's sight, they are files that do not belong there, or nobody's.
    attacker.replace(model, {"array.npy": array, "custom_objects.pkl": pickled}, has_custom_objects=False)
    assert attacker.load(model).tolist() == [0.0, 1.0, 2.0]
    assert jubako.models.get(model.tag).custom_objects == {}
    assert not canary.exists()


def test_what_the_store_has_written_down_of_a_version_gives_it_no_trust(attacker, canary):
    model = attacker.save("cloudpickle")
    attacker.replace(model, {"object.pkl": pickles_that_create(canary)[0]})
    for origin in ("saved", "built", "", f"saved\n{model.digest}", "https://example.org/"):
        attacker.record(model, origin)
        with pytest.raises(ModelNotTrusted) as caught:
            attacker.load(model)
        assert "\n" not in str(caught.value).partition("it came from")[2].partition("Its digest")[0]
    for record in (attacker.home / ".store/models/m").iterdir():
        record.unlink()
    with pytest.raises(ModelNotTrusted, match="where it came from is not recorded"):
        attacker.load(model)
    assert not canary.exists()


def test_a_manifest_that_was_edited_is_refused_where_the_store_has_its_digest(attacker):
    model = attacker.save("json")
    path = model.path / "model.yaml"
    attacker.write(path, path.read_bytes().replace(b"serializer: json", b"serializer: cloudpickle"))
    with pytest.raises(JubakoError) as caught:
        attacker.load(model)
    assert isinstance(caught.value, ModelDigestMismatch | ModelNotTrusted)


class Listing:
    """Lists a folder when it is unpickled.

    Args:
        folder: which.
    """

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.listdir, (str(self.folder),)


@pytest.mark.parametrize(("mode", "copies"), [(0o755, 0), (0o775, 1)])
def test_what_others_can_exchange_is_loaded_from_a_copy_out_of_their_reach(
    attacker, tmp_path, monkeypatch, mode, copies
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    listing = Listing(tmp_path / "temporary")
    with pytest.warns(UserWarning, match="can run code"):
        tag = jubako.models.save_object(
            "m",
            listing,
            module="toy",
            serializers=("cloudpickle",),
            same=lambda *_: True,
            custom_objects={"listing": listing},
        )
    model = jubako.models.get(tag)
    model.path.chmod(mode)
    assert len(attacker.load(model)) == copies
    assert len(model.custom_objects["listing"]) == copies
    assert not list((tmp_path / "temporary").iterdir())
