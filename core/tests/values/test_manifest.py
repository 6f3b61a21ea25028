from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import InvalidArgument
from jubako.values.bento import BentoInfo, BentoRunner
from jubako.values.manifest import FileEntry, digest_files
from jubako.values.model import ModelContext, ModelInfo
from jubako.values.tag import Tag

SHA256 = "0f" * 32
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = ModelInfo(Tag("iris", "v1"), "", "npy", NOW, ModelContext("0.1.0", "3.11.7"), files=[FileEntry("a", 1, SHA256)])
BENTO = BentoInfo("service:svc", Tag("iris", "v1"), "0.1.0", NOW, files=[FileEntry("a", 1, SHA256)])

files = st.builds(
    FileEntry,
    st.from_regex(r"[a-z]{1,3}(/[a-z ]{1,3}){0,2}", fullmatch=True),
    st.integers(0, 10),
    st.sampled_from([SHA256, "1e" * 32]),
)


@pytest.mark.parametrize("path", ["a", "a/b.bin", "...", "a b/é", ".hidden", "a..b"])
def test_a_path_inside_a_version_is_taken(path):
    assert FileEntry(path, 0, SHA256).path == path


@pytest.mark.parametrize(
    "path", ["", ".", "..", "/a", "a/../b", "../a", "a/", "./a", "a//b", "a\\b", "a\nb", "a\x00", "a\udcff"]
)
def test_a_path_that_leads_elsewhere_or_is_written_otherwise_is_refused(path):
    with pytest.raises(InvalidArgument, match="not a file path inside a version"):
        FileEntry(path, 0, SHA256)


@pytest.mark.parametrize(
    "plugin", ["jubako-toy", "jubako-toy>=1.0", "jubako-toy==1.0; rm -rf /", "--index-url==x", None]
)
@pytest.mark.parametrize(
    "make",
    [
        lambda plugin: ModelContext("0.1.0", "3.11.7", plugin=plugin),
        lambda plugin: BentoRunner("iris", "toy", plugin=plugin),
    ],
    ids=["model", "runner"],
)
def test_a_plugin_is_named_with_its_version_or_not_at_all(make, plugin):
    assert make("").plugin == ""
    assert make("jubako-toy==1.0.dev3+local").plugin == "jubako-toy==1.0.dev3+local"
    with pytest.raises(InvalidArgument, match="plugin cannot be"):
        make(plugin)


@pytest.mark.parametrize("size", [-1, 1.0, True, "1", None])
def test_a_size_is_a_whole_number(size):
    with pytest.raises(InvalidArgument, match=r"FileEntry\.size_bytes cannot be"):
        FileEntry("a", size, SHA256)


@pytest.mark.parametrize("digest", ["", SHA256[:-1], SHA256 + "0", SHA256.upper(), SHA256 + "\n", "xy" * 32])
def test_a_digest_is_64_digits(digest):
    with pytest.raises(InvalidArgument, match="not a SHA-256 digest"):
        FileEntry("a", 0, digest)


@given(entries=st.lists(files, max_size=5), data=st.data())
def test_a_digest_depends_on_the_files_and_not_on_their_order(entries, data):
    unique = list({entry.path: entry for entry in entries}.values())
    assert digest_files(unique) == digest_files(data.draw(st.permutations(unique)))


@given(entries=st.lists(files, min_size=1, max_size=5, unique_by=lambda entry: entry.path))
def test_every_change_of_a_file_changes_the_digest(entries):
    first = entries[0]
    changes = (
        attrs.evolve(first, path=first.path + "x"),
        attrs.evolve(first, size_bytes=first.size_bytes + 1),
        attrs.evolve(first, sha256="2d" * 32),
    )
    digests = {digest_files(entries), digest_files(entries[1:])}
    digests |= {digest_files([change, *entries[1:]]) for change in changes}
    assert len(digests) == 5


def test_trust_in_a_model_is_trust_in_its_format_too():
    assert MODEL.digest != attrs.evolve(MODEL, serializer="cloudpickle").digest
    assert MODEL.digest == attrs.evolve(MODEL, labels={"a": "b"}, tag=Tag("other", "v2")).digest


@pytest.mark.parametrize("info", [MODEL, BENTO])
def test_a_manifest_names_an_exact_version_and_a_time_with_its_zone(info):
    for tag in (Tag("iris"), Tag("iris", "latest")):
        with pytest.raises(InvalidArgument, match="names an exact version"):
            attrs.evolve(info, tag=tag)
    with pytest.raises(InvalidArgument, match="has no time zone"):
        attrs.evolve(info, creation_time=NOW.replace(tzinfo=None))
    assert isinstance(info.files, tuple)


def test_labels_are_text_to_text():
    with pytest.raises(InvalidArgument, match="'a': 1 of model iris:v1 is not text to text"):
        attrs.evolve(MODEL, labels={"a": 1})
