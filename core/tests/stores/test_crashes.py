"""`kill -9` at every system call of a save and of a delete: the store holds the old state or the new one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import jubako.models
from jubako.plugins import compose
from jubako.settings import Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace

WRITER = Path(__file__).with_name("killed_writer.py")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL and no fork")


@attrs.frozen
class Writer:
    """The program that saves and deletes in children that are killed."""

    process: subprocess.Popen[str]

    def run(self, home: Path, action: str, moment: int) -> str:
        print(home, action, moment, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def count_moments(self, home: Path, action: str) -> int:
        word, _, moments = self.run(home, action, -1).partition(" ")
        assert word == "done"
        return int(moments)


@pytest.fixture(scope="module")
def writer():
    with subprocess.Popen(
        [sys.executable, str(WRITER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as it:
        yield Writer(it)
        it.stdin.close()
        assert it.wait(timeout=60) == 0


@pytest.fixture(scope="module")
def use_home():
    composition = compose()
    return lambda home: using_workspace(open_workspace(Settings(stores=StoreSettings(home=home)), composition))


def save(text):
    with jubako.models.create("iris", custom_objects={"answer": text}) as draft:
        draft.path_of("weights.bin").write_text(text)
    return draft.tag


def loaded_answers():
    """The models in order, each read whole: digests of all files, trust, custom objects."""
    for model in jubako.models.list():
        model.verify_object_files()
        yield model.tag, model.custom_objects["answer"]


def debris(home):
    """What is in the home beside the published versions and one record for each."""
    tags = jubako.models.list()
    records = sorted(path.name[30:] for path in (home / ".store/models/iris").iterdir())
    assert records == sorted(model.tag.version for model in tags)
    names = {path.name for path in (home / "models").iterdir()} | {path.name for path in home.iterdir()}
    return names - {"models", ".store", "iris"}


def moments_of(count):
    """All of them, unless there are very many: then as many as the time allows, evenly spread."""
    return range(0, count, max(1, count // 30))


def test_a_save_killed_at_any_moment_leaves_the_old_state_or_the_new_one(writer, use_home, tmp_path):
    with use_home(tmp_path / "counted"):
        save("old")
    count = writer.count_moments(tmp_path / "counted", "save")
    assert count >= 50
    published = 0
    for moment in moments_of(count):
        home = tmp_path / str(moment)
        with use_home(home):
            old = save("old")
            assert writer.run(home, "save", moment) == "killed"
            found = dict(loaded_answers())
            assert found.pop(old) == "old"
            assert list(found.values()) in ([], [42])
            published += len(found)
            assert jubako.models.get("iris").tag == next(iter(found), old)
            newest = save("next")
            assert jubako.models.get("iris").tag == newest
            assert len(jubako.models.list()) == 2 + len(found)
            assert debris(home) == set()
    # Both states were seen, so the kills were spread over the moment that divides them.
    assert 0 < published < len(moments_of(count))


def test_a_delete_killed_at_any_moment_leaves_the_version_whole_or_gone(writer, use_home, tmp_path):
    with use_home(tmp_path / "counted"):
        save("old")
        save("new")
    count = writer.count_moments(tmp_path / "counted", "delete")
    assert count >= 10
    for moment in moments_of(count):
        home = tmp_path / str(moment)
        with use_home(home):
            old, new = save("old"), save("new")
            assert writer.run(home, "delete", moment) == "killed"
            found = dict(loaded_answers())
            assert found in ({old: "old", new: "new"}, {old: "old"})
            assert jubako.models.get("iris").tag == (new if new in found else old)
            newest = save("next")
            assert jubako.models.get("iris").tag == newest
            assert debris(home) == set()
