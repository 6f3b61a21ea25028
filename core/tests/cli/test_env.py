"""`jubako env`: everything that a report of a bug needs, and nothing secret."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version

import yaml


def test_it_tells_versions_machine_plugins_and_packages(jubako):
    data = json.loads(jubako("env", "--json").stdout)
    assert data["jubako"] == version("jubako")
    assert data["python"] == platform.python_version()
    assert data["cpus"] > 0
    assert data["packages"]["numpy"] == version("numpy")
    assert {"name": "builtin", "distribution": "jubako", "version": version("jubako"), "status": "ok"} in data[
        "plugins"
    ]
    assert set(data["programs"]) >= {"docker", "podman", "buildah", "uv"}


def test_it_names_what_was_set_and_shows_no_value_of_it(jubako, tmp_path):
    file = tmp_path / "jubako.yaml"
    file.write_text("server: {port: 4321}\n")
    done = jubako(
        "env",
        "--yaml",
        "--config",
        str(file),
        JUBAKO_SERVER__API_KEYS="hunter2",
        JUBAKO_MODEL_STORE="file://user:hunter2@localhost/models",
    )
    data = yaml.safe_load(done.stdout)
    assert data["settings"]["file"] == str(file)
    assert {"JUBAKO_HOME", "JUBAKO_MODEL_STORE", "JUBAKO_SERVER__API_KEYS"} <= set(data["settings"]["environment"])
    assert {"server.port", "server.api_keys", "stores.model_store"} <= set(data["settings"]["changed"])
    assert data["stores"]["model_store"] == "file://***@localhost/models"
    assert "hunter2" not in done.output
    assert "hunter2" not in jubako("env", JUBAKO_SERVER__API_KEYS="hunter2").output


def test_people_get_a_table(jubako, tmp_path):
    lines = jubako("env").stdout.splitlines()
    facts = dict(line.split(None, 1) for line in lines)
    assert facts["jubako"] == version("jubako")
    assert facts["home"] == str(tmp_path / "home")
