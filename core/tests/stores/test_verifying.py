"""Verification: every file that is bad is named, nothing outside of the version is read, nothing right is blamed."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from jubako._progress import using_progress
from jubako.contracts.store import StoreKind
from jubako.errors import ModelDigestMismatch, NotFound, StoreError
from jubako.stores.local import LocalStore
from jubako.stores.verifying import Fault, inspect, verify_version
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag

TAG = Tag("iris", "v1")
FILES = {"weights.bin": b"w" * 3_000_000, "deep/er/notes.txt": b"read me", "empty": b""}


@pytest.fixture(params=list(StoreKind), ids=lambda kind: str(kind.value))
def store(request, tmp_path):
    store = LocalStore(tmp_path / "home", request.param)
    save(store)
    return store


def save(store, tag=TAG, files=FILES):
    with store.draft(tag) as folder:
        write_version(folder, store.kind, tag, datetime(2026, 1, 1, tzinfo=UTC), files)
    return store.open(tag)


def overwrite(path, content):
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(0o400)


def test_a_version_that_is_as_it_was_stored_has_no_faults(store):
    done = verify_version(store, "iris:latest")
    assert (done.tag, done.files, done.size_bytes) == (TAG, 3, 3_000_007)
    assert done.path == store.open(TAG)
    assert done.faults == done.writable == ()


def test_everything_that_is_wrong_is_named_at_once(store):
    folder = store.open(TAG)
    overwrite(folder / "weights.bin", b"w" * 2_999_999 + b"x")
    overwrite(folder / "deep/er/notes.txt", b"read me!")
    (folder / "empty").unlink()
    (folder / "deep/planted.pkl").write_bytes(b"x")
    (folder / "link").symlink_to("/etc/passwd")
    wrong = hashlib.sha256(b"w" * 2_999_999 + b"x").hexdigest()
    assert inspect(store, TAG).faults == (
        Fault("deep/er/notes.txt", "has 8 bytes; the manifest says 7"),
        Fault("deep/planted.pkl", "does not belong there: the manifest does not list it"),
        Fault("empty", "is missing"),
        Fault("link", "is a link or a device"),
        Fault("weights.bin", f"is damaged, or was changed: its SHA-256 is {wrong}"),
    )
    with pytest.raises(ModelDigestMismatch) as caught:
        verify_version(store, TAG)
    noun, verb = store.kind.noun, store.kind.verb
    assert caught.value.message == f"{noun} iris:v1 is not as it was stored."
    assert "empty is missing; link is a link or a device; " in caught.value.why
    assert caught.value.do == f"delete this version, and {verb} or import it again"


def test_of_very_many_faults_the_error_names_ten(store):
    folder = store.open(TAG)
    for number in range(20):
        (folder / f"planted-{number:02}").touch()
    with pytest.raises(ModelDigestMismatch, match=r"planted-09 does not belong there.*; and 10 more\.") as caught:
        verify_version(store, TAG)
    assert "planted-10" not in str(caught.value)


def test_a_manifest_that_was_changed_together_with_a_file_is_found(store):
    folder = store.open(TAG)
    manifest = folder / store.kind.manifest_name
    old, new = hashlib.sha256(b"read me").hexdigest(), hashlib.sha256(b"read ME").hexdigest()
    overwrite(folder / "deep/er/notes.txt", b"read ME")
    overwrite(manifest, manifest.read_bytes().replace(old.encode(), new.encode()))
    (fault,) = inspect(store, TAG).faults
    assert fault.path == store.kind.manifest_name
    assert fault.problem.startswith("is damaged, or was changed: Its SHA-256 is ")


@pytest.mark.parametrize("content", [b"", b"[", b"- " * 5_000_000, b"a: &a [x]\nb: [*a]\n"], ids=lambda text: len(text))
def test_a_manifest_that_cannot_be_read_is_a_fault(content, store):
    overwrite(store.open(TAG) / store.kind.manifest_name, content)
    faults = inspect(store, TAG).faults
    assert {fault.path for fault in faults} == {store.kind.manifest_name}
    assert any(fault.problem.startswith("cannot be read: ") for fault in faults)


def test_a_damaged_record_of_the_store_is_a_fault(store):
    (record,) = (store.home / ".store" / store.kind.value / "iris").iterdir()
    record.write_bytes(b"{}")
    (fault,) = inspect(store, TAG).faults
    assert fault.path == ""
    assert fault.problem.startswith("cannot be compared with what was published: ")


def test_a_file_that_can_be_written_again_is_told_and_no_fault(store):
    (store.open(TAG) / "empty").chmod(0o644)
    done = inspect(store, TAG)
    assert done.writable == ("empty",)
    assert done.faults == ()


@pytest.mark.skipif(os.name == "nt", reason="no links")
def test_nothing_is_read_behind_a_link(store, tmp_path):
    other = LocalStore(tmp_path / "outside", store.kind)
    outside = save(other)
    folder = store.open(TAG)
    folder.rename(tmp_path / "aside")
    folder.symlink_to(outside)
    with pytest.raises((StoreError, NotFound)):
        inspect(store, TAG)
    folder.unlink()
    (tmp_path / "aside").rename(folder)
    # The same content behind a link is not the version's own.
    (folder / "deep").rename(tmp_path / "deep")
    (folder / "deep").symlink_to(outside / "deep")
    assert [str(fault) for fault in inspect(store, TAG).faults] == ["deep is a link or a device"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(store):
    path = store.open(TAG) / "empty"
    path.unlink()
    os.mkfifo(path)
    assert [str(fault) for fault in inspect(store, TAG).faults] == ["empty is a link or a device"]


@contextmanager
def as_nobody(folder):
    """If this is root, which may read everything, act as an account that is not, and may go to a folder."""
    if os.geteuid() != 0:
        yield
        return
    above = [path for path in (folder, *folder.parents) if not path.stat().st_mode & 0o005]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in above}
    for path, mode in modes.items():
        path.chmod(mode | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are POSIX's")
def test_a_file_and_a_folder_that_cannot_be_read_are_faults(store):
    folder = store.open(TAG)
    (folder / "deep").chmod(0)
    (folder / "empty").chmod(0)
    try:
        with as_nobody(folder):
            faults = [str(fault) for fault in inspect(store, TAG).faults]
    finally:
        (folder / "deep").chmod(0o700)
    assert "deep cannot be read: Permission denied" in faults
    assert "empty cannot be read: Permission denied" in faults
    assert not any("missing" in fault for fault in faults)


def test_progress_is_told_in_bytes(store):
    told = []

    @contextmanager
    def show(label, total):
        told.append((label, total))
        yield told.append

    with using_progress(show):
        inspect(store, TAG)
    assert told[0] == ("verifying iris:v1", 3_000_007)
    assert sum(told[1:]) == 3_000_007
    # In pieces, so that memory stays bounded and a bar moves.
    assert max(told[1:]) <= 1024 * 1024


def test_a_version_that_is_deleted_and_stored_again_meanwhile_is_not_blamed(tmp_path):
    store = LocalStore(tmp_path, StoreKind.MODELS)
    save(store, files={"content": b"0" * 100_000})
    stop = threading.Event()

    def exchange():
        for number in range(1, 40):
            store.delete(TAG)
            save(store, files={"content": str(number % 10).encode() * 100_000})
        stop.set()

    thread = threading.Thread(target=exchange)
    thread.start()
    outcomes = []
    while not stop.is_set():
        try:
            outcomes.append(inspect(store, TAG).faults)
        except NotFound:
            continue
    thread.join()
    assert not any(outcomes)
    assert inspect(store, TAG).faults == ()
