"""A disk that fails at any sync: the error is named, nothing is published, and the next save works."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime

import pytest

from jubako.contracts.store import StoreKind
from jubako.errors import StoreError
from jubako.stores.local import LocalStore
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag


class FailingDisk:
    """Stands in for the system's fsync: its call number `fails_at`, from 0, fails."""

    def __init__(self, code):
        self.code = code
        self.fails_at = None
        self.calls = 0

    def sync(self, descriptor):
        self.calls += 1
        if self.calls - 1 == self.fails_at:
            raise OSError(self.code, os.strerror(self.code))


@pytest.fixture(params=[errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def disk(request, monkeypatch):
    disk = FailingDisk(request.param)
    monkeypatch.setattr(os, "fsync", disk.sync)
    return disk


def save(store, version):
    tag = Tag("iris", version)
    with store.draft(tag) as folder:
        write_version(folder, store.kind, tag, datetime(2026, 1, 1, tzinfo=UTC), {"a": b"1", "deep/b": b"2"})
    return tag


def test_an_error_at_any_sync_publishes_nothing_and_leaves_nothing(disk, tmp_path):
    store = LocalStore(tmp_path, StoreKind.MODELS)
    old = save(store, "old")
    disk.calls = 0
    save(store, "counted")
    syncs = disk.calls
    assert syncs >= 8
    store.delete(Tag("iris", "counted"))
    for number in range(syncs):
        disk.calls, disk.fails_at = 0, number
        with pytest.raises(StoreError, match=rf"(?s)iris:new was not saved.*{os.strerror(disk.code)}"):
            save(store, "new")
        assert disk.calls > number
        assert store.list() == [old]
        assert store.resolve(Tag("iris")) == old
        assert [path.name for path in (tmp_path / "models").iterdir()] == ["iris"]
        (record,) = (tmp_path / ".store/models/iris").iterdir()
        assert record.name.endswith("-old")
    disk.fails_at = None
    newest = save(store, "new")
    assert store.resolve(Tag("iris")) == newest


def test_an_error_at_any_sync_of_a_delete_leaves_the_version_where_it_was(disk, tmp_path):
    store = LocalStore(tmp_path, StoreKind.MODELS)
    old = save(store, "old")
    disk.calls = 0
    store.delete(save(store, "counted"))
    save(store, "new")
    saves = disk.calls
    store.delete(Tag("iris", "new"))
    syncs, new = disk.calls - saves, save(store, "new")
    assert syncs >= 2
    for number in range(syncs):
        disk.calls, disk.fails_at = 0, number
        with pytest.raises(StoreError, match=rf"(?s)iris:new cannot be deleted.*{os.strerror(disk.code)}"):
            store.delete(new)
        assert store.list() == [new, old]
        assert store.resolve(Tag("iris")) == new
        assert [path.name for path in (tmp_path / "models").iterdir()] == ["iris"]
