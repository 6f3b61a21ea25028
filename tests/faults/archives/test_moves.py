"""Imports, exports and pushes that are killed, or run out of room: what was there stays, and nothing half is there."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys

import pytest

import jubako.models
from jubako.contracts.store import StoreKind
from jubako.errors import StoreError
from jubako.settings import Settings, StoreSettings
from jubako.stores.archives.formats import ArchiveFormat
from jubako.stores.digests import verify_files, verify_sizes
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_info
from jubako.workspace import open_workspace, using_workspace

POINTS = (0.0, 0.5, 1.0)
CONTENT = random.Random(1).randbytes(3_000_000)


@pytest.fixture
def home(tmp_path):
    """A home with a model of a few pieces; current."""
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=tmp_path / "home")))):
        with jubako.models.create("big") as draft:
            (draft.path / "a.bin").write_bytes(CONTENT)
            (draft.path / "b.bin").write_bytes(CONTENT[::-1])
        yield tmp_path / "home"


def move(action, home, place, kill_at):
    command = [sys.executable, "-m", "tests.faults.archives.mover", action, str(home), str(place), str(kill_at)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def whole_versions(home):
    """The versions of a home, each of which was read."""
    store = LocalStore(home, StoreKind.MODELS)
    for tag in store.list():
        info = read_info(store.open(tag), store.kind)
        verify_sizes(store.open(tag), info.files, leave_out=("model.yaml",))
        verify_files(store.open(tag), info.files)
    return store.list()


@pytest.mark.row("moves-killed")
@pytest.mark.quick
@pytest.mark.parametrize("action", ["import", "push"])
def test_a_killed_import_publishes_nothing_and_is_cleared_away(action, home, tmp_path, figures):
    other, tried = tmp_path / "other", 0
    place = jubako.models.export_model("big", f"{tmp_path}/", "tar")
    arguments = (other, place) if action == "import" else (home, other)
    for kill_at in POINTS:
        done = move(action, *arguments, kill_at)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert whole_versions(other) == []
        tried += 1
    assert move(action, *arguments, 2).returncode == 0
    assert whole_versions(other) == [jubako.models.get("big").tag]
    assert [path.name for path in (other / "models").iterdir()] == ["big"]  # what was killed is gone
    figures(**{f"{action}: killed": tried, f"{action}: published": 0})


@pytest.mark.row("moves-killed")
@pytest.mark.parametrize("form", ["native", "zip", "folder"])
def test_a_killed_export_leaves_what_was_there(form, home, tmp_path, figures):
    (tmp_path / "out").mkdir()
    place = f"{tmp_path}/out/"
    for kill_at in POINTS:
        assert move(form, home, place, kill_at).returncode == -signal.SIGKILL
        assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == []
    assert move(form, home, place, 2).returncode == 0
    (found,) = [path for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")]
    inode = found.stat().st_ino
    for kill_at in POINTS:
        assert move(form, home, place, kill_at).returncode == -signal.SIGKILL
        assert found.stat().st_ino == inode
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=tmp_path / "third")))):
        jubako.models.import_model(found)
    left = [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]
    if form != "folder" and hasattr(os, "O_TMPFILE"):
        assert left == [], "a file without a name goes with its process"
    figures(**{f"export, {form}: killed": 2 * len(POINTS), f"export, {form}: half files": 0})


@contextlib.contextmanager
def a_small_disk(place):
    """A disk of 4 MiB; skips where this user cannot mount one."""
    place.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root mounts disks")
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.row("moves-no-room")
@pytest.mark.quick
def test_a_full_disk_is_named_and_nothing_half_is_left(home, tmp_path, figures):
    place = jubako.models.export_model("big", f"{tmp_path}/", "tar")
    refused = 0
    with a_small_disk(tmp_path / "disk") as disk:
        small = LocalStore(disk / "home", StoreKind.MODELS)
        moves = [
            lambda: jubako.models.import_model(place, _model_store=small),
            lambda: jubako.models.push("big", str(disk / "home")),
            *(lambda form=form: jubako.models.export_model("big", f"{disk}/", form.value) for form in ArchiveFormat),
        ]
        for begin in moves:
            with pytest.raises(StoreError, match=r"No space left on device(.|\n)*Do: make room"):
                begin()
            assert small.list() == []
            assert [path for path in disk.rglob("*") if path.is_file()] == []
            refused += 1
    figures(refused=f"{refused} of {refused}", half_files=0)
