"""The power goes at any point of an action: the old state or the new one, and the new one when it has returned."""

from __future__ import annotations

import shutil

import pytest

from tests.faults.store import homes
from tests.faults.store.power import OPTIONS, Recording
from tests.faults.store.test_crash_points import ACTIONS, expected
from tests.faults.store.tracing import needs_strace

NOTHING = homes.Holding({}, None, frozenset(), None)


def record(action, home, actor, folder):
    """What an action does to a folder that a home is below."""
    recording = Recording(folder)
    traced = actor.run(action, home, *OPTIONS)
    assert "tag" in traced.outcome, traced.outcome
    recording.add(traced.log)
    return recording


def check(recording, action, old, stride, place, home):
    """Open every state that the disk may hold, of a home somewhere below a place; how many there were."""
    checked = 0
    for number, (length, dump) in enumerate(recording.states()):
        is_over = length == recording.count()
        if number % stride and not is_over:
            continue
        dump(place)
        found = homes.read(home)
        where = f"{action}: state {number}, after {length} of {recording.count()} steps"
        if found != old or is_over:
            assert found == expected(old, action, found), where
        homes.save_again(home)
        assert homes.debris(home) == set(), where
        shutil.rmtree(place)
        checked += 1
    return checked


@pytest.mark.row("power-cut")
@pytest.mark.timeout(300)
@needs_strace
@pytest.mark.parametrize("action", ACTIONS)
def test_a_power_cut_in_an_action_leaves_the_old_state_or_the_new_one(action, actor, copy_home, tmp_path, figures):
    (tmp_path / "disk").mkdir()
    home = copy_home("disk/home")
    old = homes.read(home)
    recording = record(action, home, actor, home.parent)
    checked = check(recording, action, old, 1, tmp_path / "after", tmp_path / "after/home")
    assert checked >= 10
    figures(**{f"{action}: states of the disk": checked, f"{action}: neither old nor new": 0})


@pytest.mark.row("power-cut")
@pytest.mark.quick
@needs_strace
def test_the_first_save_of_all_is_durable_when_it_returns(actor, tmp_path, length, figures):
    (tmp_path / "disk").mkdir()
    recording = record("save", tmp_path / "disk/deep/home", actor, tmp_path / "disk")
    checked = check(recording, "save", NOTHING, length(20, 1), tmp_path / "after", tmp_path / "after/deep/home")
    figures(**{"first save: states of the disk": checked})
