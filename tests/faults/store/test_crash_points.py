"""`kill -9` at every system call of save, delete and build: the home holds the old state or the new one."""

from __future__ import annotations

import shutil

import attrs
import pytest

from tests.faults.store import homes
from tests.faults.store.tracing import CHANGING, fault, needs_strace

ACTIONS = ("save", "save_as_format", "delete", "build")


def expected(old, action, found):
    """What a home holds after an action, as far as that can be known before; versions are made up by it."""
    if action == "delete":
        left = {tag: answer for tag, answer in old.models.items() if tag != old.latest}
        return attrs.evolve(old, models=left, latest=max(left))
    if action == "build":
        (tag,) = found.bentos - old.bentos
        return attrs.evolve(old, bentos=old.bentos | {tag}, latest_bento=tag)
    (tag,) = set(found.models) - set(old.models)
    return attrs.evolve(old, models={**old.models, tag: "new"}, latest=tag)


def kill_at(points, action, actor, copy_home):
    """Kill at each point, look, and save again; how often the action died, and how often it had come to its end."""
    died = done = 0
    for call, number in points:
        home = copy_home("home")
        old = homes.read(home)
        traced = actor.run(action, home, *fault(call, number, "signal=KILL"))
        where = f"{action} killed at {call} number {number}"
        found = homes.read(home)
        died += traced.was_killed
        if found != old:
            assert found == expected(old, action, found), where
            done += 1
        homes.save_again(home)
        assert homes.debris(home) == set(), where
        shutil.rmtree(home)
    return died, done


@pytest.mark.row("store-crash-points")
@pytest.mark.timeout(900)
@needs_strace
@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_killed_at_any_system_call_leaves_the_old_state_or_the_new_one(
    action, actor, copy_home, length, figures
):
    calls = length(CHANGING, ("all",))
    points = list(actor.points(action, copy_home("counted"), calls))
    died, done = kill_at(points, action, actor, copy_home)
    # A number of calls differs a little from run to run: some wait for a lock or read a file again.
    assert died > 0.95 * len(points)
    # Both states were seen, so the kills were spread over the moment that divides them.
    assert 0 < done < died
    figures(**{f"{action}: crash points": died, f"{action}: neither old nor new": 0})


@pytest.mark.row("store-crash-points")
@pytest.mark.quick
@needs_strace
def test_a_save_killed_at_some_system_calls_leaves_the_old_state_or_the_new_one(actor, copy_home):
    points = list(actor.points("save", copy_home("counted"), ("mkdir", "rename", "rmdir")))
    died, done = kill_at(points, "save", actor, copy_home)
    assert died == len(points)
    assert 0 < done < died
