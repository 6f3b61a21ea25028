"""The commands for stored things through the installed program, each once: in a pipe, and asked on a terminal."""

from __future__ import annotations

import json

import pytest

import jubako.bentos
from jubako.models import create
from jubako.settings import PluginSettings, Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace

SERVICE = """
import jubako
from jubako.io import JSON

svc = jubako.Service("toy-2.0")


@svc.api(input=JSON(), output=JSON())
def answer(value):
    return value
"""


@pytest.fixture
def saved(tmp_path, environment):
    """The tags of a model that is code and of a Bento, in the home of the program."""
    (tmp_path / "context").mkdir()
    (tmp_path / "context/service.py").write_text(SERVICE)
    settings = Settings(stores=StoreSettings(home=environment["JUBAKO_HOME"]), plugins=PluginSettings(allow=()))
    with using_workspace(open_workspace(settings)):
        with create("iris-2.0", custom_objects={"more": 1}) as draft:
            draft.path_of("weights").write_bytes(b"w" * 100)
        bento = jubako.bentos.build("service:svc", build_ctx=tmp_path / "context")
    return str(draft.tag), str(bento.tag)


def test_models_are_managed_from_the_command_line(executable, saved):
    tag, _ = saved
    (row,) = json.loads(executable("models", "list", "iris-2.0", "--json").stdout)
    assert row["tag"] == tag
    assert json.loads(executable("models", "get", "iris-2.0", "-o", "json").stdout)["path"] == row["path"]
    assert executable("models", "verify").stdout.startswith(f"{tag}: ok, 2 files, ")
    assert executable("models", "trust", "--list", "-q").stdout.startswith("sha256:")
    assert executable("models", "untrust", tag).stdout == f"{tag}: no longer trusted\n"
    refused = executable("models", "delete", "iris-2.0")
    assert (refused.returncode, refused.stdout) == (2, "")
    done = executable("models", "delete", "iris-2.0", "-y")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"deleted {tag}\n", "")


def test_bentos_are_managed_from_the_command_line(executable, saved):
    _, tag = saved
    assert executable("list", "-q").stdout == f"{tag}\n"
    path = executable("get", "toy-2.0", "-o", "path").stdout.strip()
    assert path.endswith(tag.replace(":", "/"))
    assert executable("verify", tag).returncode == 0
    gone = executable("gc", "--keep", "1", "--json")
    assert json.loads(gone.stdout) == {"dry_run": False, "size_bytes": 0, "removed": []}
    assert executable("delete", f"{tag},toy-2.0", "--yes").stdout == f"deleted {tag}\n"


def test_on_a_terminal_tags_stay_whole_and_paths_are_shown_where_there_is_room(terminal, saved, tmp_path):
    tag, _ = saved
    narrow = terminal(80, "models", "list")
    assert narrow[0].split() == ["TAG", "MODULE", "SIZE", "CREATED"]
    assert narrow[1].startswith(f"{tag}  ")
    assert max(map(len, narrow)) <= 80
    wide = terminal(300, "models", "list")
    assert wide[0].split()[-1] == "PATH"
    assert wide[1].endswith(tag.replace(":", "/"))
    page = terminal(80, "models", "get", tag)
    assert max(map(len, page)) <= 80
    assert page[0].split() == ["tag", tag]
