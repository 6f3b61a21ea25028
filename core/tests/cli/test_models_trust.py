"""`jubako models trust`: what is trusted, what is shown, and what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import warnings

import pytest

from jubako.models import create, get, save_object
from jubako.plugins import compose
from jubako.settings import PluginSettings, Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace

NOISY = """
import ctypes, os, subprocess, sys
print("from Python")
os.write(1, b"from the descriptor\\n")
ctypes.CDLL(None).puts(b"from C")
subprocess.run([sys.executable, "-c", "print('from a child')"])
"""


@pytest.fixture
def saved(tmp_path):
    """Return a function that saves an object in the home of the command, and forgets that it is trusted."""
    composition = compose(PluginSettings(allow=()))

    def save(value, **options):
        settings = Settings(stores=StoreSettings(home=tmp_path / "home"))
        with using_workspace(open_workspace(settings, composition)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tag = save_object("toy", value, module="toy", serializers=("json", "cloudpickle"), **options)
            (tmp_path / "home/.store/trust").unlink(missing_ok=True)
            return get(tag)

    return save


def trusted(tmp_path):
    path = tmp_path / "home/.store/trust"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_model_that_is_code_is_trusted_by_its_digest_and_what_it_is_is_shown(jubako, saved, tmp_path):
    model = saved({1, 2})
    done = jubako("models", "trust", "toy")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == (
        f"{model.tag}: trusted\n"
        f"  digest  {model.digest}\n"
        "  format  cloudpickle, code\n"
        "  origin  saved into this store\n"
    )
    assert trusted(tmp_path) == [model.digest]
    assert (tmp_path / "home/.store/trust").read_text().startswith(f"{model.digest} {model.tag} declared 20")
    again = jubako("models", "trust", str(model.tag))
    assert again.stdout.startswith(f"{model.tag}: already trusted\n")
    assert trusted(tmp_path) == [model.digest]


def test_the_same_as_json(jubako, saved):
    model = saved({1, 2}, custom_objects={"more": 1})
    done = jubako("models", "trust", "toy:latest", "--json")
    assert json.loads(done.stdout) == {
        "tag": str(model.tag),
        "digest": model.digest,
        "serializer": "cloudpickle",
        "trust": "code",
        "custom_objects": True,
        "origin": "saved",
        "status": "trusted",
    }


def test_a_model_that_is_data_needs_no_trust_and_gets_none(jubako, saved, tmp_path):
    saved([1, 2])
    done = jubako("models", "trust", "toy")
    assert done.exit_code == 0
    assert "needs no trust" in done.stdout
    assert "json, data" in done.stdout
    assert trusted(tmp_path) == []


def test_data_with_custom_objects_is_trusted(jubako, saved, tmp_path):
    model = saved([1, 2], custom_objects={"more": 1})
    assert "format  json, data; custom objects, code\n" in jubako("models", "trust", "toy").stdout
    assert trusted(tmp_path) == [model.digest]


def edit(path, old, new):
    path.chmod(0o600)
    text = path.read_bytes()
    assert old in text
    path.write_bytes(text.replace(old, new))


def test_a_format_that_no_plugin_here_offers_is_trusted_for_where_one_does(jubako, saved, tmp_path):
    model = saved({1, 2})
    edit(model.path / "model.yaml", b"serializer: cloudpickle", b'serializer: "sky\\e[31m"')
    shutil.rmtree(tmp_path / "home/.store/models")  # knows the manifest that was saved
    done = jubako("models", "trust", "toy")
    assert done.exit_code == 0, done.stderr
    assert "format  sky\\x1b[31m, which no plugin here offers\n" in done.stdout
    assert len(trusted(tmp_path)) == 1
    assert trusted(tmp_path) != [model.digest]


def test_files_of_ones_own_need_no_trust(jubako, tmp_path):
    settings = Settings(stores=StoreSettings(home=tmp_path / "home"))
    workspace = open_workspace(settings, compose(PluginSettings(allow=())))
    with using_workspace(workspace), create("hand") as draft:
        draft.path_of("a.txt").write_text("a")
    done = jubako("models", "trust", "hand")
    assert done.stdout.startswith(f"{draft.tag}: needs no trust\n")
    assert "origin  saved into this store\n" in done.stdout


def test_a_damaged_model_is_not_trusted(jubako, saved, tmp_path):
    model = saved({1, 2})
    path = model.path / "object.pkl"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    done = jubako("models", "trust", "toy")
    assert done.exit_code == 1
    assert "object.pkl is damaged, or was changed." in done.stderr
    assert trusted(tmp_path) == []


def test_a_model_that_there_is_not_is_an_error(jubako):
    done = jubako("models", "trust", "toy")
    assert done.exit_code == 1
    assert "there is no model toy" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_trust_file_that_others_can_write_is_not_added_to(jubako, saved, tmp_path):
    saved({1, 2})
    assert jubako("models", "trust", "toy").exit_code == 0
    (tmp_path / "home/.store/trust").chmod(0o666)
    done = jubako("models", "trust", "toy")
    assert done.exit_code == 1
    assert "Others than you could have written to it" in done.stderr


def test_the_group_lists_its_commands_and_answers_a_mistyped_one(jubako):
    assert re.search(r"trust +Let a model load that can run code\.", jubako("models", "--help").stdout)
    done = jubako("models", "trst")
    assert done.exit_code == 2
    assert "Did you mean 'trust'?" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="the C library is found by its POSIX name")
@pytest.mark.parametrize("command", [("models", "trust", "toy"), ("plugins",)])
def test_whatever_a_plugin_writes_while_it_loads_json_alone_is_on_stdout(site, saved, tmp_path, command):
    saved({1, 2})
    site.install_plugin("noisy", NOISY)
    done = site.run_python(
        "-m", "jubako", *command, "--json", JUBAKO_HOME=str(tmp_path / "home"), JUBAKO_PLUGINS="noisy"
    )
    assert json.loads(done.stdout), done.stdout
    for words in ("from Python", "from the descriptor", "from C", "from a child"):
        assert words in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell closes the stream")
@pytest.mark.parametrize(("closed", "answer"), [(1, ""), (2, "answer\n")])
def test_a_closed_stream_does_no_harm(closed, answer):
    code = (
        "from jubako.cli._stdout import stdout_for_the_answer\n"
        "with stdout_for_the_answer():\n    print('noise')\nprint('answer')\n"
    )
    command = ["sh", "-c", f'exec "$0" "$@" {closed}>&-', sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, answer)
