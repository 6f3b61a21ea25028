from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jubako.contracts.store import StoreKind
from jubako.stores.durability import sync_folders
from jubako.stores.local import LocalStore
from jubako.values.tag import Tag

PROGRAM = Path(__file__).with_name("busy_writers.py")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_processes_that_save_delete_and_read_at_once_lose_and_break_nothing(tmp_path):
    command = [sys.executable, str(PROGRAM), str(tmp_path)]
    program = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert program.returncode == 0, program.stderr
    store = LocalStore(tmp_path, StoreKind.MODELS)
    saved = {Tag("shared", f"s{saver}-{number:02}") for saver in range(8) for number in range(1, 13)}
    assert set(store.list("shared")) == saved
    assert store.list() == store.list("shared") or store.list("fleeting") == [Tag("fleeting", "v1")]
    # Every saver's newest is its number 1, and the newest of all is one of these.
    assert store.resolve(Tag("shared")).version in {f"s{saver}-01" for saver in range(8)}
    assert {path.name for path in (tmp_path / "models").iterdir()} <= {"shared", "fleeting"}
    records = [path.name[30:] for path in (tmp_path / ".store/models/shared").iterdir()]
    assert sorted(records) == sorted(tag.version for tag in saved)


def test_what_another_process_removes_before_it_is_on_the_disk_is_no_failure(tmp_path):
    top = tmp_path / "models"
    top.mkdir()
    # The name's folder goes with its last version, which another process may just have deleted.
    sync_folders(top / "fleeting", top)
    with pytest.raises(FileNotFoundError):
        sync_folders(tmp_path / "gone/fleeting", tmp_path / "gone")
