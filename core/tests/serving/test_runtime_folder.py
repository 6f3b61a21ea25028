"""The folder of the sockets between processes."""

from __future__ import annotations

import os
import stat

import pytest

from jubako.serving.runtime_folder import open_runtime_folder


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    # Below it there must be room for the name of a socket, and pytest's own folders are deep.
    folder = tmp_path / "r"
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def test_the_folder_is_private_and_removed_with_all_that_is_in_it(runtime):
    with open_runtime_folder() as folder:
        assert folder.parent == runtime
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "1").mkdir()
    assert list(runtime.iterdir()) == []


def test_folders_in_use_and_strangers_are_left_alone_and_abandoned_ones_removed(runtime):
    (runtime / "jubako-without-lock").mkdir()
    abandoned = runtime / "jubako-abandoned"
    abandoned.mkdir()
    (abandoned / "lock").touch()
    with open_runtime_folder() as first, open_runtime_folder() as second:
        assert {path.name for path in runtime.iterdir()} == {first.name, second.name, "jubako-without-lock"}


def test_a_place_whose_path_is_too_long_for_a_socket_is_passed_over(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with open_runtime_folder() as folder:
        assert folder.parent != deep
        assert len(os.fsencode(folder)) < 90
