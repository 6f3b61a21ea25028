"""Reading settings: which source wins, and what an error says."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from jubako.errors import ConfigurationError
from jubako.settings import Settings, load_settings


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a configuration file."""

    def write(text):
        path = tmp_path / "jubako.yaml"
        path.write_text(text)
        return path

    return write


def words_of(**sources):
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**sources)
    return str(caught.value)


def test_without_any_source_the_settings_are_the_defaults():
    assert load_settings() == Settings()


def test_a_later_source_wins_key_by_key(file):
    settings = load_settings(
        file("server: {host: file, port: 1, backlog: 1, timeout_s: 1}"),
        {"JUBAKO_SERVER__PORT": "2", "JUBAKO_SERVER__BACKLOG": "2"},
        {"server.backlog": 3},
    )
    server = settings.server
    assert (server.host, server.port, server.backlog, server.timeout_s, server.drain_s) == ("file", 2, 3, 1.0, 30.0)


def test_an_empty_file_changes_nothing(file):
    assert load_settings(file("# nothing\n")) == Settings()


def test_the_environment_names_the_file_unless_one_is_given(file, tmp_path):
    path = file("server: {port: 1}")
    environment = {"JUBAKO_CONFIG": str(path)}
    assert load_settings(None, environment).server.port == 1
    other = tmp_path / "other.yaml"
    other.write_text("server: {port: 2}")
    assert load_settings(other, environment).server.port == 2
    assert load_settings(None, {"JUBAKO_CONFIG": ""}) == Settings()


def test_overrides_that_are_none_are_passed_over():
    assert load_settings(overrides={"server.port": None, "server.host": "::1"}).server == Settings().server.__class__(
        host="::1"
    )


@pytest.mark.parametrize(
    ("name", "text", "read"),
    [
        ("SERVER__PORT", "8080", lambda s: s.server.port == 8080),
        ("SERVER__TIMEOUT_S", "2", lambda s: s.server.timeout_s == 2.0),
        ("SERVER__HOST", "1234", lambda s: s.server.host == "1234"),
        ("SERVER__MAX_BODY_BYTES", "2Mi", lambda s: s.server.max_body_bytes == 2 * 1024 * 1024),
        ("SERVER__METRICS__ENABLED", "false", lambda s: s.server.metrics.enabled is False),
        ("SERVER__LOGGING__FORMAT", "json", lambda s: s.server.logging.format == "json"),
        ("SERVER__API_KEYS", "123, 0x7", lambda s: s.server.api_keys == ("123", "0x7")),
        ("SERVER__CORS__ACCESS_CONTROL_ALLOW_ORIGIN", "*", lambda s: "*" in s.server.cors.access_control_allow_origin),
        ("SERVER__CORS__ACCESS_CONTROL_MAX_AGE", "null", lambda s: s.server.cors.access_control_max_age is None),
        ("RUNNERS__BATCHING__MAX_WAIT_MS", "2.5", lambda s: s.runners.batching.max_wait_ms == 2.5),
        ("RUNNERS__RESOURCES__CPU", "500m", lambda s: s.runners.resources.cpu == 0.5),
        ("RUNNERS__RESOURCES__MEMORY", "1Gi", lambda s: s.runners.resources.memory == 1024**3),
        ("RUNNERS__RESOURCES__GPUS", "all", lambda s: s.runners.resources.gpus == "all"),
        ("RUNNERS__RESOURCES__GPUS", "[0, 2]", lambda s: s.runners.resources.gpus == (0, 2)),
        ("RUNNERS__NAMED__IRIS__BATCHING__ENABLED", "no", lambda s: s.runners.named["iris"].batching.enabled is False),
        ("PLUGINS__STRICT", "true", lambda s: s.plugins.strict is True),
        ("STORES__HOME", "/srv/1", lambda s: s.stores.home == Path("/srv/1")),
        ("server__port", "8080", lambda s: s.server.port == 8080),
    ],
)  # fmt: skip
def test_a_name_of_the_environment_is_read_as_what_the_setting_holds(name, text, read):
    assert read(load_settings(environment={f"JUBAKO_{name}": text}))


@pytest.mark.parametrize(
    ("name", "text", "read"),
    [
        ("JUBAKO_HOME", "/srv/jubako", lambda s: s.stores.home == Path("/srv/jubako")),
        ("JUBAKO_HOME", "", lambda s: s == Settings()),
        ("JUBAKO_MODEL_STORE", "s3://b/m", lambda s: s.stores.model_store == "s3://b/m"),
        ("JUBAKO_BENTO_STORE", "s3://b/b", lambda s: s.stores.bento_store == "s3://b/b"),
        ("JUBAKO_PLUGINS", "a, b ,", lambda s: s.plugins.allow == ("a", "b")),
        ("JUBAKO_PLUGINS", "", lambda s: s.plugins.allow == ()),
        ("JUBAKO_DISABLE_PLUGINS", "a,b", lambda s: s.plugins.disable == ("a", "b")),
        ("JUBAKO_DISABLE_PLUGINS", "", lambda s: s == Settings()),
    ],
)
def test_short_names_set_what_they_stand_for(name, text, read):
    assert read(load_settings(environment={name: text}))


def test_the_long_name_wins_over_the_short_one():
    assert load_settings(environment={"JUBAKO_HOME": "/a", "JUBAKO_STORES__HOME": "/b"}).stores.home == Path("/b")


def test_strangers_of_the_environment_are_passed_over_with_one_warning():
    environment = {
        "JUBAKO_PORT": "tcp://10.0.0.1:80",
        "JUBAKO_SERVICE_HOST": "10.0.0.1",
        "HOME": "/x",
        "JUBAKO_HOME": "/y",
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_settings(environment=environment)
    assert [str(warning.message) for warning in caught] == [
        "not settings of Jubako, and passed over: JUBAKO_PORT, JUBAKO_SERVICE_HOST"
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("JUBAKO_SERVER_PORT", "JUBAKO_SERVER__PORT"),
        ("JUBAKO_SERVER_CORS_ENABLED", "JUBAKO_SERVER__CORS__ENABLED"),
        ("JUBAKO_SERVER_MAX_BODY_BYTES", "JUBAKO_SERVER__MAX_BODY_BYTES"),
        ("JUBAKO_CONFG", "JUBAKO_CONFIG"),
        ("JUBAKO_MODELSTORE", "JUBAKO_MODEL_STORE"),
    ],
)
def test_a_stranger_that_was_plainly_meant_as_a_setting_is_told_so(name, meant):
    with pytest.warns(UserWarning, match=rf"{name} \(did you mean {meant}\?\)$"):
        load_settings(environment={name: "1"})


MISTAKES = {
    "an unknown key of the environment": (
        {"environment": {"JUBAKO_SERVER__PROT": "1"}},
        "JUBAKO_SERVER__PROT cannot be used.\nserver: unknown key 'prot'. Did you mean 'port'?",
    ),
    "an unknown section": (
        {"environment": {"JUBAKO_SERVR__PORT": "1"}},
        "JUBAKO_SERVR__PORT cannot be used.\nthe document: unknown key 'servr'. Did you mean 'server'?",
    ),
    "a value of another kind": (
        {"environment": {"JUBAKO_SERVER__PORT": "http"}},
        "JUBAKO_SERVER__PORT cannot be used.\nserver.port: expected a whole number, not 'http'.",
    ),
    "a value out of range": (
        {"environment": {"JUBAKO_SERVER__PORT": "70000"}},
        "cannot be used.\nserver: port cannot be 70000. (give 1 to 65535, or 0 for any that is free)",
    ),
    "a value that is no YAML": (
        {"environment": {"JUBAKO_SERVER__PORT": "[1"}},
        "JUBAKO_SERVER__PORT, line 2, column 1: cannot be read as YAML.",
    ),
    "a section that is set to a value": (
        {"overrides": {"server": 3}},
        "option server cannot be used.\nserver: expected a mapping",
    ),
    "a value that is set like a section": (
        {"environment": {"JUBAKO_SERVER__PORT__X": "1"}},
        "JUBAKO_SERVER__PORT__X cannot be used.\nserver.port: expected a whole number, not a mapping.",
    ),
    "an unknown key of the command line": (
        {"overrides": {"server.hots": "x"}},
        "option server.hots cannot be used.\nserver: unknown key 'hots'. Did you mean 'host'?",
    ),
    "a digest that is none": (
        {"environment": {"JUBAKO_TRUST__DIGESTS": "sha256:12"}},
        "'sha256:12' is no digest. (write \"sha256:\" and 64 hexadecimal digits)",
    ),
    "credentials for every origin": (
        {
            "overrides": {
                "server.cors.access_control_allow_origin": ["*"],
                "server.cors.access_control_allow_credentials": True,
            }
        },
        "access_control_allow_credentials cannot be on for the origin '*'.",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_says_where_it_stands_and_what_would_be_right(case):
    sources, words = MISTAKES[case]
    assert words in words_of(**sources)


def test_a_mistake_in_the_file_names_the_file(file):
    path = file("server:\n  timeout: 3\nrunner: {}\n")
    words = words_of(path=path)
    assert words.startswith(f"{path} cannot be used.")
    assert "server: unknown key 'timeout'. Did you mean 'timeout_s'?" in words
    assert "unknown key 'runner'. Did you mean 'runners'?" in words


@pytest.mark.parametrize(
    "text", ["[1, 2]", "just text", "server: {allow: &a [*a]}", "server: !!python/name:os.system x"]
)
def test_a_file_that_holds_no_settings_is_refused_by_name(file, text):
    path = file(text)
    assert str(path) in words_of(path=path)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    words = words_of(path=tmp_path / "gone.yaml")
    assert words.startswith(f"the configuration file {tmp_path / 'gone.yaml'} cannot be read.")
    assert words.endswith("Do: correct the path (--config, JUBAKO_CONFIG)")


def test_a_file_without_end_is_refused_unread():
    assert "too large" in words_of(path=Path("/dev/zero"))
