"""A disk that fails or is full at any system call, and small disks that really are full."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess

import numpy as np
import pytest

import jubako.models
from jubako.errors import StoreError
from jubako.models import save_object
from tests.faults.store import homes
from tests.faults.store.test_crash_points import ACTIONS, expected
from tests.faults.store.tracing import CHANGING, fault, needs_strace

READING = ("read", "newfstatat", "fstat", "statx", "stat", "lstat", "getdents64", "lseek", "readlink")
ERRORS = {"EIO": CHANGING + READING, "ENOSPC": CHANGING, "EDQUOT": CHANGING}


def fail_at(points, error, action, actor, copy_home):
    """Let each call fail and look; how often the action failed, and what was wrong."""
    failed, wrong = 0, []
    for call, number in points:
        home = copy_home("home")
        old = homes.read(home)
        traced = actor.run(action, home, *fault(call, number, f"error={error}"))
        where = f"{action}: {error} at {call} number {number}: {traced.outcome}"
        found = homes.read(home)
        if "error" in traced.outcome:
            failed += 1
            # A build opens what it has built; if that fails, it says so.
            is_built = found != old and "was built, but" in traced.outcome["text"]
            if not traced.outcome["is_ours"] or found != (expected(old, action, found) if is_built else old):
                wrong.append(where)
        elif found != expected(old, action, found):
            wrong.append(where)
        homes.save_again(home)
        assert homes.debris(home) == set(), where
        shutil.rmtree(home)
    return failed, wrong


@contextlib.contextmanager
def a_disk(place, options):
    """A small disk of its own, mounted at a new folder; skips where this user cannot mount one."""
    place.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root mounts disks")
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounting.returncode:
        pytest.skip(f"no disk can be mounted here: {mounting.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill_with_bytes(disk, pages):
    """Leave so many pages of the disk free."""
    page = os.statvfs(disk).f_bsize
    (disk / "ballast").write_bytes(b"\1" * page * (os.statvfs(disk).f_bavail - pages))


def fill_with_files(disk, inodes):
    """Leave so many inodes of the disk free."""
    (disk / "ballast").mkdir()
    for number in range(os.statvfs(disk).f_favail - inodes):
        (disk / "ballast" / str(number)).touch()


@pytest.mark.row("disk-errors")
@pytest.mark.timeout(900)
@needs_strace
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("action", ACTIONS)
def test_an_error_at_any_system_call_is_named_or_does_no_harm(action, error, actor, copy_home, length, figures):
    points = list(actor.points(action, copy_home("counted"), ERRORS[error]))
    # Of one kind of call, all in a full run; else the first ones and then some.
    chosen = [(call, number) for call, number in points if number % length(8, 1) == 0 or number <= length(2, 1)]
    failed, wrong = fail_at(chosen, error, action, actor, copy_home)
    assert wrong == []
    assert failed > 0
    figures(**{f"{action}, {error}: calls that failed": len(chosen), "of which ended the action": failed})


@pytest.mark.row("disk-errors")
@pytest.mark.quick
@pytest.mark.parametrize(
    ("options", "fill", "most"),
    [("size=1m", fill_with_bytes, 24), ("size=4m,nr_inodes=120", fill_with_files, 16)],
    ids=["no room", "no inodes"],
)
def test_a_full_disk_is_named_and_nothing_is_published(options, fill, most, context, tmp_path, figures):
    saved = refused = 0
    with a_disk(tmp_path / "disk", options) as disk, homes.using(disk / "home"):
        homes.make_home(disk / "home", context)
        for free in range(most):
            fill(disk, free)
            old = homes.read(disk / "home")
            try:
                tag = save_object("iris", np.ones(4000), module="toy", serializers=("npy", "cloudpickle"))
            except StoreError as error:
                assert "No space left on device" in error.why  # noqa: PT017
                assert error.do.startswith("make room")  # noqa: PT017
                refused += 1
                assert homes.read(disk / "home") == old
            else:
                saved += 1
                assert jubako.models.get("iris").info.tag == tag
                jubako.models.delete(tag)
            ballast = disk / "ballast"
            shutil.rmtree(ballast) if ballast.is_dir() else ballast.unlink()
            assert homes.debris(disk / "home") == set()
    assert saved
    assert refused > 3
    figures(**{f"{fill.__name__}: refused": refused, f"{fill.__name__}: saved": saved})


@pytest.mark.row("disk-errors")
@pytest.mark.parametrize("action", ["save", "save_as_format", "build"])
def test_writes_that_are_cut_short_publish_nothing(action, actor, copy_home, length, figures):
    home = copy_home("home")
    refused = 0
    # No file that is written is longer than 4,096 bytes, except weights.bin.
    for largest in range(0, 4096, int(length(191, 17))):
        old = homes.read(home)
        traced = actor.run_limited(action, home, largest)
        found = homes.read(home)
        if "error" not in traced.outcome:
            assert found == expected(old, action, found)
            break
        assert traced.outcome["is_ours"], traced.outcome
        assert found == old, traced.outcome
        assert homes.debris(home) == set()
        refused += 1
    assert refused > 3
    figures(**{f"{action}: short writes, refused": refused})
