"""What packing models costs, and that what is packed is what was stored."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

import jubako
from jubako._progress import using_progress
from jubako.contracts.store import StoreKind
from jubako.errors import ModelDigestMismatch
from jubako.settings import Settings, StoreSettings
from jubako.stores.digests import verify_files
from jubako.stores.local import LocalStore
from jubako.workspace import open_workspace, using_workspace

SIZE_BYTES = 16 * 1024 * 1024


# So large that looking at it takes longer than a tick of the system's clock.
LARGE_BYTES = 128 * 1024 * 1024


def save(size_bytes):
    """The tag of a model of some size, most of it a hole."""
    with jubako.models.create("big") as draft, draft.path_of("weights.bin").open("xb") as file:
        file.write(os.urandom(1024))
        file.truncate(size_bytes)
    return draft.tag


@pytest.fixture
def big(context):
    """The tag of a model of 16 MiB that a build of the context packs."""
    return save(SIZE_BYTES)


def build(tag):
    return jubako.build("service:svc", additional_models=[tag])


def packed_file(bento, tag):
    return bento.path / "models" / tag.path() / "weights.bin"


def bytes_read():
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("rchar")).split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts what a process reads")
def test_a_model_is_linked_and_read_once(context):
    big = save(LARGE_BYTES)
    before = bytes_read()
    jubako.build("service:svc")
    between = bytes_read()
    bento = build(big)
    assert LARGE_BYTES * 0.9 < (bytes_read() - between) - (between - before) < LARGE_BYTES * 1.5
    assert packed_file(bento, big).samefile(jubako.models.get(big).path_of("weights.bin"))
    (entry,) = (entry for entry in bento.info.files if entry.path.endswith("weights.bin"))
    assert entry.sha256 == jubako.models.get(big).info.files[0].sha256


def test_a_model_of_a_home_whose_files_can_be_written_is_copied(big):
    stored = jubako.models.get(big).path_of("weights.bin")
    stored.chmod(0o644)
    bento = build(big)
    assert not packed_file(bento, big).samefile(stored)
    verify_files(bento.path, bento.info.files)


def test_progress_is_told_for_every_byte_of_a_model(big):
    told = []

    @contextlib.contextmanager
    def show(label, total_bytes):
        done = []
        yield done.append
        told.append((label, total_bytes, sum(done), len(done)))

    with using_progress(show):
        build(big)
    (label, total_bytes, done, parts), *_ = [each for each in told if str(big) in each[0]]
    assert label == f"packing model {big}"
    assert total_bytes == done == SIZE_BYTES
    assert parts >= 16


def test_a_damaged_model_is_not_packed_and_its_stored_file_is_named(big, workspace):
    stored = jubako.models.get(big).path_of("weights.bin")
    stored.chmod(0o644)
    with stored.open("r+b") as file:
        file.write(b"damaged")
    with pytest.raises(ModelDigestMismatch, match=f"{stored} is damaged, or was changed"):
        build(big)
    assert workspace.bento_store.list() == []


def test_a_model_whose_file_is_missing_is_not_packed(big, workspace):
    stored = jubako.models.get(big).path_of("weights.bin")
    stored.unlink()
    with pytest.raises(ModelDigestMismatch, match=f"{stored}"):
        build(big)
    assert workspace.bento_store.list() == []


def test_a_model_whose_manifest_was_exchanged_is_not_packed(big, workspace):
    manifest = jubako.models.get(big).path_of("model.yaml")
    text = manifest.read_text()
    manifest.chmod(0o644)
    manifest.write_text(text.replace("labels: {}", "labels: {a: b}") + "\n")
    with pytest.raises(ModelDigestMismatch, match=r"model\.yaml is damaged, or was changed"):
        build(big)
    assert workspace.bento_store.list() == []


def test_a_bento_copied_to_another_home_is_the_same(big, tmp_path):
    bento = build(big)
    elsewhere = LocalStore(tmp_path / "elsewhere", StoreKind.BENTOS)
    with elsewhere.draft(bento.tag, origin="copied") as folder:
        for source in sorted(path for path in bento.path.rglob("*") if path.is_file()):
            place = folder / source.relative_to(bento.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(source.read_bytes())
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=tmp_path / "elsewhere")))):
        copied = jubako.get(bento.tag)
        assert copied.digest == bento.digest
        assert copied.info.files == bento.info.files
