"""Where each value is from."""

from __future__ import annotations

import pytest

from jubako._documents import key_lines
from jubako.errors import ConfigurationError
from jubako.settings import Settings, Source, list_settings, load_settings, load_settings_with_sources


def test_what_nobody_set_has_no_source():
    loaded = load_settings_with_sources()
    assert (loaded.settings, loaded.sources, loaded.path) == (Settings(), {}, None)


def test_each_source_is_named_with_its_place_and_the_last_one_wins(tmp_path):
    path = tmp_path / "jubako.yaml"
    path.write_text("server:\n  port: 1\n  host: '::1'\n  backlog: 1\n")
    sources = {
        "path": path,
        "environment": {"JUBAKO_SERVER__PORT": "2", "JUBAKO_HOME": "/srv", "JUBAKO_SERVER__BACKLOG": "2"},
        "overrides": {"server.backlog": 3, "server.workers": None},
    }
    loaded = load_settings_with_sources(**sources)
    assert loaded.settings == load_settings(**sources)
    assert loaded.path == path
    assert dict(loaded.sources) == {
        "server.port": Source("environment", "JUBAKO_SERVER__PORT"),
        "server.host": Source("file", f"{path}:3"),
        "server.backlog": Source("command line", "option server.backlog"),
        "stores.home": Source("environment", "JUBAKO_HOME"),
    }


def test_a_long_name_and_a_short_one_are_told_apart():
    loaded = load_settings_with_sources(environment={"JUBAKO_HOME": "/a", "JUBAKO_STORES__HOME": "/b"})
    assert loaded.sources == {"stores.home": Source("environment", "JUBAKO_STORES__HOME")}


def test_a_mistake_is_told_as_without_sources(tmp_path):
    path = tmp_path / "jubako.yaml"
    path.write_text("server: [1]")
    with pytest.raises(ConfigurationError, match="expected a mapping"):
        load_settings_with_sources(path)


def test_lines_are_found_through_every_style_of_yaml():
    text = "a:\n  b: 1\n  c: {d: 1,\n    e: 2}\n? f\n: {g: [1,\n 2], 'h': x}\n"
    assert key_lines(text) == {"a": 1, "a.b": 2, "a.c": 3, "a.c.d": 3, "a.c.e": 4, "f": 5, "f.g": 6, "f.h": 7}
    assert key_lines("") == {}


def test_every_setting_is_listed_once_with_its_value():
    keys = [setting.key for setting in list_settings(Settings())]
    assert len(keys) == len(set(keys))
    assert {"server.port", "runners.batching.enabled", "stores.home"} <= set(keys)
    for setting in list_settings(Settings()):
        value: object = Settings()
        for name in setting.key.split("."):
            value = getattr(value, name)
        assert value == setting.value


def test_secrets_are_marked_and_left_out_of_repr():
    secrets = {setting.key for setting in list_settings(Settings()) if setting.is_secret}
    assert secrets == {"server.api_keys", "server.ssl.keyfile_password"}
    settings = load_settings(overrides={"server.api_keys": ("sesame",)})
    assert "sesame" not in repr(list(list_settings(settings)))


def test_every_setting_can_be_given_in_the_environment():
    """Each by the name that its key has, with the value that it has by default, unless that means that it is unset."""
    environment = {}
    for setting in list_settings(Settings()):
        if setting.is_secret or setting.value is None or isinstance(setting.value, dict):
            continue
        text = ",".join(setting.value) if isinstance(setting.value, tuple) else str(setting.value)
        environment["JUBAKO_" + setting.key.upper().replace(".", "__")] = text
    assert load_settings(environment=environment) == Settings()
