from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import InvalidArgument, InvalidManifest
from jubako.stores.manifests import read_bento_info, read_model_info, write_bento_info, write_model_info
from jubako.values.bento import BentoAPI, BentoInfo, BentoModel, BentoRunner
from jubako.values.manifest import FileEntry
from jubako.values.model import ModelContext, ModelInfo
from jubako.values.signature import Signature
from jubako.values.tag import Tag

CREATED = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=9)))
FILE = FileEntry("deep/weights é.bin", 12, "0f" * 32)
MODEL = ModelInfo(
    tag=Tag("iris", "v1"),
    module="toy",
    serializer="npy",
    creation_time=CREATED,
    context=ModelContext("0.1.0", "3.11.7", "toy", {"toy": "1.0"}, ("toy==1.0",)),
    signatures={"predict": Signature(), "look": Signature(batchable=False, input_batch_axis=1)},
    labels={"stage": "yes", "number": "1"},
    options={"method": "predict"},
    metadata={"scores": [0.5, 1e-9], "note": "a: b\n\u2028c", "none": None, "on": True},
    files=(FILE,),
    has_custom_objects=True,
)
BENTO = BentoInfo(
    service="service:svc",
    tag=Tag("iris_service", "v1"),
    jubako_version="0.1.0",
    creation_time=CREATED,
    labels={"team": "a"},
    models=(BentoModel(Tag("iris", "v1"), "toy", "sha256:" + "0f" * 32, CREATED),),
    runners=(BentoRunner("iris", "toy", ("iris:v1",)),),
    apis=(BentoAPI("classify", "classify", "NumpyNdarray", "JSON"),),
    build={"service": "service:svc", "include": ["*.py"]},
    files=(FILE,),
)


def test_a_models_manifest_comes_back_equal(tmp_path):
    write_model_info(tmp_path, MODEL)
    assert read_model_info(tmp_path) == MODEL


def test_a_bentos_manifest_comes_back_equal(tmp_path):
    write_bento_info(tmp_path, BENTO)
    assert read_bento_info(tmp_path) == BENTO


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(
    labels=st.dictionaries(texts, texts, max_size=3),
    metadata=st.dictionaries(texts, json_values, max_size=3),
    created=st.datetimes(min_value=datetime(1980, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis adds it
)
def test_any_labels_and_metadata_come_back_equal(labels, metadata, created, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    info = attrs.evolve(MODEL, labels=labels, metadata=metadata, creation_time=created)
    write_model_info(folder, info)
    read = read_model_info(folder)
    assert read == info
    assert repr((read.labels, read.metadata)) == repr((info.labels, info.metadata))


def test_keys_stand_in_the_documented_order(tmp_path):
    write_model_info(tmp_path, MODEL)
    write_bento_info(tmp_path, BENTO)
    assert list(yaml.safe_load((tmp_path / "model.yaml").read_text())) == [
        "name",
        "version",
        "jubako_version",
        "creation_time",
        "api_version",
        "module",
        "serializer",
        "context",
        "signatures",
        "labels",
        "options",
        "metadata",
        "custom_objects",
        "files",
    ]
    assert list(yaml.safe_load((tmp_path / "bento.yaml").read_text())) == [
        "service",
        "name",
        "version",
        "jubako_version",
        "creation_time",
        "labels",
        "models",
        "runners",
        "apis",
        "build",
        "files",
    ]


def test_a_manifest_is_never_overwritten(tmp_path):
    write_model_info(tmp_path, MODEL)
    with pytest.raises(FileExistsError):
        write_model_info(tmp_path, MODEL)


def test_what_cannot_be_written_names_its_path(tmp_path):
    with pytest.raises(InvalidArgument, match=r"metadata\.a\[1\] is of type object"):
        write_model_info(tmp_path, attrs.evolve(MODEL, metadata={"a": [1, object()]}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: iris", "name: '../iris'", r"'\.\./iris' cannot be the name of a tag"),
        ("version: v1", "version: latest", "names an exact version"),
        ("version: v1", "version: 1.0", r"version: expected text, not 1\.0"),
        ("api_version: v1", "api_version: v9", r"api_version 'v9' is not known.*\n?.*newer one"),
        ("serializer: npy", "serialiser: npy", "unknown key 'serialiser'. Did you mean 'serializer'"),
        ("serializer: npy", "", "the key 'serializer' is missing"),
        ("+09:00", "", "has no time zone"),
        ("size: 12", "size: -1", "whole number from 0"),
        ("size: 12", "size: '12'", r"files\[0\]\.size: expected a whole number, not '12'"),
        ("deep/weights", "/deep/weights", "is not a file path inside a version"),
        ("deep/weights", "../weights", "is not a file path inside a version"),
        ("0f0f0f", "XYXYXY", "is not a SHA-256 digest"),
        ("batchable: true", "batchable: 1", r"signatures\['predict'\]\.batchable: expected true or false, not 1"),
        ("labels:", "labels: 3\nlabel:", r"labels: expected a mapping"),
        ("stage: 'yes'", "stage: yes", r"labels\['stage'\]: expected text, not True"),
        ("name: iris", "name: iris\nname: other", "line 2.*\n.*'name' stands twice"),
        ("name: iris", "name: !!python/name:os.system ''", "tag .* is not allowed"),
        ("name: iris", "[", "cannot be read as YAML"),
        ("name: iris", "name: iris\x00", "cannot be read as YAML"),
    ],
)
def test_a_wrong_manifest_is_named_with_the_place_of_the_mistake(old, new, message, tmp_path):
    write_model_info(tmp_path, MODEL)
    path = tmp_path / "model.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidManifest, match=message) as caught:
        read_model_info(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"text", b"\xff\xfe", b"a: " + b"x" * (17 << 20)])
def test_what_is_no_manifest_at_all_is_refused(content, tmp_path):
    (tmp_path / "bento.yaml").write_bytes(content)
    with pytest.raises(InvalidManifest, match=r"bento\.yaml"):
        read_bento_info(tmp_path)


def test_a_missing_manifest_and_one_behind_a_link_are_refused(tmp_path):
    with pytest.raises(InvalidManifest, match=r"model\.yaml cannot be read"):
        read_model_info(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    write_model_info(tmp_path / "elsewhere", MODEL)
    (tmp_path / "model.yaml").symlink_to("elsewhere/model.yaml")
    with pytest.raises(InvalidManifest, match=r"model\.yaml cannot be read"):
        read_model_info(tmp_path)
