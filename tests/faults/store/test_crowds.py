"""Many processes in one home at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import jubako.models
from jubako.contracts.store import StoreKind
from jubako.stores.local import LocalStore
from jubako.values.tag import Tag
from tests.faults.store import homes

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


def run(work, home, amount, timeout=100):
    """What each process says; none may say `error`."""
    command = [sys.executable, "-W", "error", "-m", "tests.faults.store.crowd", str(home), work, str(amount)]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths}
    program = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT, env=environment
    )
    assert program.returncode == 0, program.stderr
    answers = json.loads(program.stdout)
    errors = [answer["error"] for answer in answers if "error" in answer]
    assert errors == []
    return [value for answer in answers for value in answer.items()]


@pytest.mark.row("same-tag")
@pytest.mark.quick
def test_of_eight_processes_that_save_one_tag_one_wins_and_the_others_are_told(tmp_path, length, figures):
    home, rounds = tmp_path / "home", int(length(5, 100))
    home.mkdir()
    ends = [end for _, end in run("one-tag", home, rounds)]
    assert sum(end.get("won", 0) for end in ends) == rounds
    told = [text for end in ends for text in end if text != "won"]
    wanted = {f"AlreadyExists: Bento same:v{turn} exists already." for turn in range(rounds)}
    assert set(told) == wanted
    assert sum(sum(end.values()) for end in ends) == 8 * rounds
    store = LocalStore(home, StoreKind.BENTOS)
    assert len(store.list("same")) == rounds
    assert store.resolve(Tag("same")).version == f"v{rounds - 1}"
    for tag in store.list():
        content = (store.open(tag) / "writer").read_bytes()
        assert content in {b"%d" % number * 10_000 for number in range(8)}
    figures(rounds=rounds, winners_a_round=1, told=sum(sum(end.values()) for end in ends) - rounds, other_errors=0)


@pytest.mark.row("many-versions")
@pytest.mark.timeout(200)
def test_eight_processes_that_save_versions_of_one_model_lose_none(tmp_path, length, figures):
    versions, start = int(length(25, 100)), time.monotonic()
    saved = [tag for _, tags in run("versions", tmp_path / "home", versions, timeout=180) for tag in tags]
    seconds = time.monotonic() - start
    assert len(set(saved)) == 8 * versions
    with homes.using(tmp_path / "home"):
        assert sorted(saved) == [str(model.tag) for model in jubako.models.list("iris")]
        # The last of one of the processes.
        assert str(jubako.models.get("iris").tag).startswith("iris:v000-")
        tag = homes.save("one more")
        assert jubako.models.get("iris").tag == tag
    assert homes.debris_of_models(tmp_path / "home") == set()
    figures(saved=len(saved), lost=0, saves_a_second=round(8 * versions / seconds))


@pytest.mark.row("store-stress")
@pytest.mark.timeout(200)
def test_saving_deleting_reading_exporting_and_collecting_at_once_breaks_nothing(tmp_path, length, figures):
    seconds = length(5, 60)
    answers = run("stress", tmp_path / "home", seconds, timeout=seconds + 60)
    done = {work: sum(count for name, count in answers if name == work) for work, _ in answers}
    assert all(done.values()), done
    with homes.using(tmp_path / "home"):
        homes.save("last")
        assert jubako.models.get("iris").custom_objects == {"answer": "last"}
        for model in jubako.models.list():
            model.verify_object_files()
    assert homes.debris_of_models(tmp_path / "home") == set()
    figures(**{name.replace("_", " "): count for name, count in done.items()}, errors=0)
