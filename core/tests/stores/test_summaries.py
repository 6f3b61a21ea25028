"""Summaries: equal to what the whole manifest says, whatever is in it, and never wrong without saying so."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako._documents import dump_yaml
from jubako.contracts.store import StoreKind
from jubako.errors import InvalidManifest
from jubako.stores import summaries
from jubako.stores.manifests import info_data, read_info, write_bento_info, write_model_info
from jubako.stores.summaries import summarize
from jubako.values.bento import BentoInfo
from jubako.values.manifest import FileEntry
from jubako.values.model import ModelContext, ModelInfo
from jubako.values.tag import Tag

TAG = Tag("iris", "v1")
FILES = (FileEntry("weights.bin", 1000, "0" * 64), FileEntry("deep/notes é.txt", 7, "1" * 64))
MODEL = ModelInfo(
    tag=TAG,
    module="sklearn",
    serializer="skops",
    creation_time=datetime(2026, 1, 1, tzinfo=UTC),
    context=ModelContext("1.0", "3.11.7"),
    files=FILES,
)
BENTO = BentoInfo(
    service="pkg.service:svc",
    tag=TAG,
    jubako_version="1.0",
    creation_time=datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    files=FILES,
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
words = st.text(string.ascii_lowercase, min_size=1, max_size=10)
data = st.dictionaries(words, texts | st.integers() | st.lists(texts, max_size=3), max_size=3)
paths = st.text(string.ascii_letters + " -:#'\"é", min_size=1, max_size=200).filter(
    lambda text: text.strip("./ ") != ""
)


def write(folder, info):
    folder.mkdir(parents=True, exist_ok=True)
    (write_model_info if isinstance(info, ModelInfo) else write_bento_info)(folder, info)
    return StoreKind.MODELS if isinstance(info, ModelInfo) else StoreKind.BENTOS


def expected(info):
    source = info.module if isinstance(info, ModelInfo) else info.service
    return info.tag, info.creation_time, sum(file.size_bytes for file in info.files), source, dict(info.labels)


def shown(summary):
    return summary.tag, summary.creation_time, summary.size_bytes, summary.source, dict(summary.labels)


@pytest.mark.parametrize("info", [MODEL, BENTO], ids=["model", "bento"])
def test_a_manifest_that_jubako_has_written_is_read_quickly_and_right(info, tmp_path):
    kind = write(tmp_path, attrs.evolve(info, labels={"stage": "prod"}))
    assert summaries._summarize_quickly(TAG, tmp_path, kind) is not None
    assert shown(summarize(TAG, tmp_path, kind)) == expected(attrs.evolve(info, labels={"stage": "prod"}))
    assert summarize(TAG, tmp_path, kind).path == tmp_path


@given(
    labels=st.dictionaries(texts, texts, max_size=4),
    metadata=data,
    module=st.just("") | words,
    files=st.dictionaries(paths, st.integers(0, 2**50), max_size=4),
)
def test_whatever_stands_in_a_manifest_the_summary_is_what_the_whole_says(
    labels, metadata, module, files, tmp_path_factory
):
    entries = []
    for path, size in files.items():
        try:
            entries.append(FileEntry(path, size, "0" * 64))
        except ValueError:
            continue
    folder = tmp_path_factory.mktemp("model")
    info = attrs.evolve(MODEL, labels=labels, metadata=metadata, module=module, files=tuple(entries))
    kind = write(folder, info)
    assert shown(summarize(TAG, folder, kind)) == expected(read_info(folder, kind)) == expected(info)


def test_a_manifest_in_another_form_is_read_whole(tmp_path):
    content = info_data(MODEL)
    (tmp_path / "model.yaml").write_text(dump_yaml(dict(reversed(content.items()))))
    assert summaries._summarize_quickly(TAG, tmp_path, StoreKind.MODELS) is None
    assert shown(summarize(TAG, tmp_path, StoreKind.MODELS)) == expected(MODEL)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot"),
        (b"[", "cannot"),
        (b"name: iris\n", "cannot"),
        (b"\xff\xfe", "cannot"),
        (b"a: &a [x]\nb: [*a, *a]\n", "cannot"),
        (b"- " * 9_000_000, "cannot"),
    ],
    ids=["empty", "broken", "short", "no text", "aliases", "huge"],
)
def test_a_broken_manifest_is_an_error_that_names_the_file(content, message, tmp_path):
    (tmp_path / "model.yaml").write_bytes(content)
    with pytest.raises(InvalidManifest, match=r"model\.yaml"):
        summarize(TAG, tmp_path, StoreKind.MODELS)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("labels: {}", "labels: [1]"),
        ("labels: {}", "labels:\n  a: 1"),
        ("labels: {}", "labels: {a: [}"),
        ("  size: 7\n", ""),
        ("creation_time: '2026-01-01T00:00:00+00:00'", "creation_time: '2026-13-01T00:00:00+00:00'"),
        ("creation_time: '2026-01-01T00:00:00+00:00'", "creation_time: '2026-01-01T00:00:00'"),
        ("name: iris", "name: [iris]"),
    ],
)
def test_a_changed_manifest_that_says_nothing_right_is_an_error(wrong, right, tmp_path):
    write(tmp_path, MODEL)
    path = tmp_path / "model.yaml"
    assert wrong in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(wrong, right), "utf-8")
    with pytest.raises(InvalidManifest, match=r"model\.yaml"):
        summarize(TAG, tmp_path, StoreKind.MODELS)


def test_a_folder_that_was_renamed_by_hand_is_told(tmp_path):
    write(tmp_path, MODEL)
    with pytest.raises(InvalidManifest, match=r"says that it is model iris:v1, not iris:v2") as caught:
        summarize(Tag("iris", "v2"), tmp_path, StoreKind.MODELS)
    assert caught.value.do == "move it back, or delete it"


def test_a_manifest_that_is_a_link_is_not_read(tmp_path):
    write(tmp_path / "outside", MODEL)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/model.yaml").symlink_to(tmp_path / "outside/model.yaml")
    with pytest.raises(InvalidManifest):
        summarize(TAG, tmp_path / "inside", StoreKind.MODELS)
