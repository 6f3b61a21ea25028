"""`jubako config show`: every value with its source, and no secret."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(autouse=True)
def wide_terminal(jubako, monkeypatch):
    """One line a setting."""
    monkeypatch.setenv("COLUMNS", "400")


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a configuration file."""

    def write(text):
        path = tmp_path / "jubako.yaml"
        path.write_text(text)
        return str(path)

    return write


def rows_of(done):
    assert done.exit_code == 0, done.stderr
    _, *lines = done.stdout.splitlines()
    return {key: (value, source) for key, value, source in (line.split(None, 2) for line in lines)}


def settings_of(done):
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["settings"]


def test_each_value_is_shown_with_where_it_is_from(jubako, file, tmp_path):
    path = file("# ours\nserver:\n  port: 8080\n  cors: {enabled: true}\n")
    rows = rows_of(jubako("config", "show", "--config", path, "--strict-plugins", JUBAKO_SERVER__TIMEOUT_S="5"))
    assert rows["server.port"] == ("8080", f"file: {path}:3")
    assert rows["server.cors.enabled"] == ("true", f"file: {path}:4")
    assert rows["server.timeout_s"] == ("5.0", "environment: JUBAKO_SERVER__TIMEOUT_S")
    assert rows["stores.home"] == (str(tmp_path / "home"), "environment: JUBAKO_HOME")
    assert rows["plugins.strict"] == ("true", "command line: option plugins.strict")
    assert rows["server.workers"] == ("1", "default")
    assert rows["server.allowed_hosts"] == ("[]", "default")


def test_the_last_source_is_named(jubako, file):
    path = file("server: {port: 1, backlog: 7}\n")
    rows = rows_of(jubako("config", "show", JUBAKO_CONFIG=path, JUBAKO_SERVER__PORT="2"))
    assert rows["server.port"] == ("2", "environment: JUBAKO_SERVER__PORT")
    assert rows["server.backlog"] == ("7", f"file: {path}:1")


def test_the_same_is_there_as_json(jubako, file):
    path = file("server:\n  allowed_hosts: [a, b]\n")
    done = jubako("config", "show", "--json", "--config", path, "server.allowed_hosts", "server.port")
    assert json.loads(done.stdout) == {
        "file": path,
        "settings": {
            "server.port": {"value": 3000, "source": "default", "place": None},
            "server.allowed_hosts": {"value": ["a", "b"], "source": "file", "place": f"{path}:2"},
        },
    }


def test_a_section_or_a_setting_can_be_chosen(jubako):
    assert set(rows_of(jubako("config", "show", "trust", "server.logging"))) == {
        "trust.digests",
        "server.logging.format",
        *(f"server.logging.access.{name}" for name in ("enabled", *FIELDS)),
    }


FIELDS = ("request_content_length", "request_content_type", "response_content_length", "response_content_type")


def test_a_setting_that_does_not_exist_is_answered_with_the_nearest(jubako):
    done = jubako("config", "show", "server.prt")
    assert done.exit_code == 1
    assert done.stderr == "Error: there is no setting 'server.prt'.\nDid you mean 'server.port'?\n"


def test_secrets_are_hidden_in_every_form(jubako, file):
    path = file("server: {api_keys: [first-key, second-key], ssl: {keyfile_password: pass-word}}\n")
    store = "s3://user:store-secret@host/bucket?token=t0ken"
    for option in ((), ("--json",)):
        done = jubako("config", "show", "--config", path, *option, JUBAKO_MODEL_STORE=store)
        for secret in ("first-key", "second-key", "pass-word", "store-secret", "t0ken"):
            assert secret not in done.output
    settings = settings_of(jubako("config", "show", "--config", path, "--json", JUBAKO_MODEL_STORE=store))
    assert settings["server.api_keys"]["value"] == ["***", "***"]
    assert settings["server.ssl.keyfile_password"]["value"] == "***"
    assert settings["stores.model_store"]["value"] == "s3://***@host/bucket?***"
    unset = settings_of(jubako("config", "show", "--json"))
    assert unset["server.api_keys"]["value"] == []
    assert unset["server.ssl.keyfile_password"]["value"] == ""


def test_of_a_named_runner_what_is_changed_is_shown(jubako, file):
    path = file("runners:\n  named:\n    iris:\n      batching: {max_batch_size: 3}\n      resources: {gpus: [0, 2]}\n")
    rows = settings_of(jubako("config", "show", "runners.named", "--json", "--config", path))
    assert {key: row["value"] for key, row in rows.items()} == {
        "runners.named.iris.batching.max_batch_size": 3,
        "runners.named.iris.resources.gpus": [0, 2],
    }
    assert rows["runners.named.iris.resources.gpus"]["place"] == f"{path}:5"


def test_a_file_that_is_wrong_is_one_paragraph_and_exit_code_1(jubako, file):
    path = file("bento_server: {timeout: 3}\n")
    done = jubako("config", "show", "--config", path)
    assert done.exit_code == 1
    assert done.stderr == (
        f"Error: {path} cannot be used.\n"
        "the document: unknown key 'bento_server'. Did you mean 'server'?\n"
        "Do: write server instead of bento_server; write server.timeout_s\n"
    )


def test_names_that_are_passed_over_are_told_in_one_line(jubako):
    done = jubako("config", "show", "trust", JUBAKO_SERVER_PORT="1", JUBAKO_PORT="tcp://10.0.0.1:80")
    assert done.stderr == (
        "Warning: not settings of Jubako, and passed over: "
        "JUBAKO_PORT, JUBAKO_SERVER_PORT (did you mean JUBAKO_SERVER__PORT?)\n"
    )


def test_every_value_can_be_written_into_a_file_as_it_is_shown(jubako, file):
    rows = rows_of(jubako("config", "show"))
    lines = [f"{key}: {value}" for key, (value, _) in rows.items() if key.startswith("trust.") or key.count(".") == 1]
    sections: dict[str, list[str]] = {}
    for line in lines:
        section, rest = line.split(".", 1)
        sections.setdefault(section, []).append(rest)
    text = "".join(f"{section}:\n" + "".join(f"  {rest}\n" for rest in sections[section]) for section in sections)
    again = rows_of(jubako("config", "show", "--config", file(text.replace("api_keys: []", "# none"))))
    assert {key: value for key, (value, _) in again.items()} == {key: value for key, (value, _) in rows.items()}


def test_verbose_says_which_settings_are_not_the_default_and_why(jubako):
    done = jubako("config", "show", "server.port", "--verbose", JUBAKO_SERVER__PORT="8081")
    assert "jubako.cli._options: setting server.port is of environment: JUBAKO_SERVER__PORT\n" in done.stderr
    assert "8081" not in done.stderr
