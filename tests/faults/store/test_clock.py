"""The clock is set back and forth between saves: the latest version is the one saved last."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

import jubako.bentos
import jubako.bentos.building
import jubako.models
import jubako.models.catalog
from jubako.contracts.store import StoreKind
from jubako.stores.drafts import Draft
from jubako.stores.local import LocalStore
from tests.faults.store import homes

SHIFTS_DAYS = (0, -400, 30, -400, -3000, 365, 0, -1)


@pytest.fixture
def set_clock(monkeypatch):
    """Return a function that sets the wall clock to so many days from now, for everything that asks for the time."""
    true_s, true_ns = time.time, time.time_ns

    def shift(days):
        class ShiftedTime(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.fromtimestamp(true_s(), tz) + timedelta(days=days)

        monkeypatch.setattr(time, "time", lambda: true_s() + days * 86_400)
        monkeypatch.setattr(time, "time_ns", lambda: true_ns() + days * 86_400 * 10**9)
        for module in (jubako.models.catalog, jubako.bentos.building):
            monkeypatch.setattr(module, "datetime", ShiftedTime)

    return shift


@pytest.mark.row("clock-skew")
@pytest.mark.quick
def test_the_latest_version_is_the_one_saved_last_whatever_the_clock_says(set_clock, tmp_path, context, figures):
    saved, built = [], []
    with homes.using(tmp_path / "home"):
        for days in SHIFTS_DAYS:
            set_clock(days)
            saved.append(homes.save(str(days)))
            built.append(jubako.bentos.build("service.py:svc", build_ctx=context).tag)
            assert jubako.models.get("iris").tag == jubako.models.get("iris:latest").tag == saved[-1]
            assert jubako.bentos.get("echo").tag == built[-1]
        # The clock was wrong indeed: neither names nor times are in order.
        assert saved != sorted(saved)
        times = [jubako.models.get(tag).creation_time for tag in saved]
        assert times != sorted(times)
        while len(saved) > 1:
            jubako.models.delete(saved.pop())
            assert jubako.models.get("iris").tag == saved[-1]
    figures(**{"clock set by days": ", ".join(map(str, SHIFTS_DAYS[1:])), "wrong latest": 0})


@pytest.mark.row("clock-skew")
@pytest.mark.quick
def test_a_writer_is_not_taken_for_dead_because_the_clock_was_set(set_clock, tmp_path):
    store = LocalStore(tmp_path / "home", StoreKind.MODELS)
    with homes.using(store.home):
        homes.save("old")
        with jubako.models.create("iris", custom_objects={"answer": "slow"}) as slow:
            # As a writer's in another container, of which only the lock can be seen.
            foreign = Draft(store.home / "models")
            moved = foreign.path.rename(foreign.path.with_name(".draft-000000000000-1-1-0123456789abcdef"))
            set_clock(400)
            homes.save("fast")
            assert slow.path.is_dir()
            assert moved.is_dir()
            os.utime(moved, (0, 0))
            set_clock(-400)
            homes.save("fast again")
            assert moved.is_dir()
            moved.rename(foreign.path)
            foreign.close()
            slow.path_of("weights.bin").write_text("slow")
        assert jubako.models.get("iris").custom_objects == {"answer": "slow"}
        assert {model.creation_time.tzinfo for model in jubako.models.list()} == {UTC}
    assert homes.debris_of_models(store.home) == set()
