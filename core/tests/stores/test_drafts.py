from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from jubako.stores.drafts import Draft, sweep

DAY_S = 24 * 3600
FOREIGN = ".draft-000000000000-1-1-0123456789abcdef"


def test_a_live_writers_draft_is_never_swept(tmp_path):
    draft = Draft(tmp_path)
    sweep(tmp_path)
    assert draft.content.is_dir()
    draft.close()
    assert list(tmp_path.iterdir()) == []


def test_another_live_processes_draft_is_not_swept_and_a_dead_ones_is(tmp_path):
    script = (
        "import sys, pathlib; from jubako.stores.drafts import Draft;"
        f"Draft(pathlib.Path({str(tmp_path)!r})); print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline().strip() == b"ready"
        sweep(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
        writer.kill()
        writer.wait(timeout=60)
        sweep(tmp_path)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="start times are read from /proc")
def test_a_process_that_got_the_number_of_a_dead_writer_does_not_keep_its_draft(tmp_path):
    draft = Draft(tmp_path)
    parts = draft.path.name.split("-")
    parts[3] = str(int(parts[3]) - 1)
    draft.path.rename(tmp_path / "-".join(parts))
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
    draft.close()


def test_a_draft_of_another_machine_is_kept_for_a_day(tmp_path):
    (tmp_path / FOREIGN / "content").mkdir(parents=True)
    sweep(tmp_path)
    assert (tmp_path / FOREIGN).exists()
    yesterday = time.time() - 2 * DAY_S
    os.utime(tmp_path / FOREIGN, (yesterday, yesterday))
    sweep(tmp_path)
    assert (tmp_path / FOREIGN).exists(), "its content was touched today"
    os.utime(tmp_path / FOREIGN / "content", (yesterday, yesterday))
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="folders are locked by flock")
def test_an_old_draft_that_is_locked_is_kept(tmp_path):
    draft = Draft(tmp_path)
    foreign = draft.path.rename(tmp_path / FOREIGN)
    yesterday = time.time() - 2 * DAY_S
    for path in (foreign / "content", foreign):
        os.utime(path, (yesterday, yesterday))
    sweep(tmp_path)
    assert foreign.exists()
    draft.close()
    sweep(tmp_path)
    assert not foreign.exists()


def test_trash_is_swept_and_everything_else_is_left(tmp_path):
    (tmp_path / ".trash-1/deep").mkdir(parents=True)
    (tmp_path / "iris/v1").mkdir(parents=True)
    (tmp_path / ".other").mkdir()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other", "iris"]
