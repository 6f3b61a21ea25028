"""A disk that fails or is full at any system call, and small disks that really are full."""

from __future__ import annotations

import shutil

import pytest

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
            if not traced.outcome["is_ours"] or found != old:
                wrong.append(where)
        elif found != expected(old, action, found):
            wrong.append(where)
        homes.save_again(home)
        assert homes.debris(home) == set(), where
        shutil.rmtree(home)
    return failed, wrong


@pytest.mark.row("disk-errors")
@pytest.mark.timeout(300)
@needs_strace
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("action", ACTIONS)
def test_an_error_at_any_system_call_is_named_or_does_no_harm(action, error, actor, copy_home, length, figures):
    points = list(actor.points(action, copy_home("counted"), ERRORS[error]))
    # Of one kind of call, all in a full run; else the first ones and then some.
    chosen = [(call, number) for call, number in points if number % length(4, 1) == 0 or number <= length(3, 1)]
    failed, wrong = fail_at(chosen, error, action, actor, copy_home)
    assert wrong == []
    assert failed > 0
    figures(**{f"{action}, {error}: calls that failed": len(chosen), "of which ended the action": failed})
