"""Sections validate themselves, so that a Settings that exists is right."""

from __future__ import annotations

import attrs
import pytest

from jubako.errors import ConfigurationError, InvalidArgument
from jubako.settings import (
    BatchingSettings,
    CorsSettings,
    OneRunnerSettings,
    PluginSettings,
    ResourceSettings,
    RunnersSettings,
    ServerSettings,
    Settings,
    SslSettings,
    StoreSettings,
    TrustSettings,
    load_settings,
)
from jubako.values.resources import BatchOptions, ResourceQuota


@pytest.mark.parametrize(
    ("section", "arguments"),
    [
        (ServerSettings, {"host": ""}),
        (ServerSettings, {"port": -1}),
        (ServerSettings, {"port": True}),
        (ServerSettings, {"backlog": 0}),
        (ServerSettings, {"workers": 0}),
        (ServerSettings, {"workers": 257}),
        (ServerSettings, {"workers": True}),
        (ServerSettings, {"max_body_bytes": 0}),
        (ServerSettings, {"max_body_bytes": None}),
        (ServerSettings, {"timeout_s": 0}),
        (ServerSettings, {"timeout_s": float("inf")}),
        (ServerSettings, {"sync_waiting": -1}),
        (ServerSettings, {"allowed_hosts": [1]}),
        (ServerSettings, {"cors": {}}),
        (CorsSettings, {"enabled": 1}),
        (CorsSettings, {"access_control_max_age": -1}),
        (CorsSettings, {"access_control_allow_origin": ["*"], "access_control_allow_credentials": True}),
        (SslSettings, {"certfile": 3}),
        (SslSettings, {"cert_reqs": "perhaps"}),
        (SslSettings, {"cert_reqs": True}),
        (RunnersSettings, {"named": {"a": {}}}),
        (BatchingSettings, {"max_batch_size": 0}),
        (BatchingSettings, {"max_wait_ms": -1}),
        (BatchingSettings, {"policy": ""}),
        (ResourceSettings, {"cpu": 0}),
        (ResourceSettings, {"gpus": "some"}),
        (PluginSettings, {"strict": "yes"}),
        (StoreSettings, {"home": ""}),
        (StoreSettings, {"home": 3}),
        (TrustSettings, {"digests": ("md5:1",)}),
        (Settings, {"server": {"port": 1}}),
    ],
)
def test_a_section_refuses_what_cannot_be(section, arguments):
    with pytest.raises(InvalidArgument):
        section(**arguments)


def test_settings_cannot_be_changed():
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Settings().server = ServerSettings()


def test_api_keys_are_not_shown():
    settings = Settings(server=ServerSettings(api_keys=("geheim",)))
    assert settings.server.api_keys == ("geheim",)
    assert "geheim" not in repr(settings)


def test_a_relative_home_stays_where_it_was_when_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stores = StoreSettings(home="here")
    monkeypatch.chdir("/")
    assert stores.home == tmp_path / "here"


def test_the_default_home_is_the_users(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(Settings().stores.home) == "/home/somebody/jubako"


def test_what_is_said_of_one_runner_wins_over_what_is_said_of_all():
    settings = RunnersSettings(
        batching=BatchingSettings(max_batch_size=8, max_wait_ms=1),
        resources=ResourceSettings(cpu=1),
        named={
            "iris": OneRunnerSettings(batching=BatchingSettings(max_batch_size=4), resources=ResourceSettings(gpus=1))
        },
    )
    assert settings.for_runner("iris").batching.changes() == {"max_batch_size": 4, "max_wait_ms": 1}
    assert settings.for_runner("iris").resources.changes() == {"cpu": 1.0, "gpus": 1}
    assert settings.for_runner("other").batching.changes() == {"max_batch_size": 8, "max_wait_ms": 1}


def test_a_runners_name_of_the_environment_is_found_whatever_its_case():
    one = load_settings(environment={"JUBAKO_RUNNERS__NAMED__ROWSUMS__BATCHING__MAX_BATCH_SIZE": "3"}).runners
    assert one.for_runner("RowSums").batching.max_batch_size == 3
    assert one.for_runner("RowSum").batching.max_batch_size is None


def test_names_that_are_of_no_runner_are_told_whatever_their_case():
    runners = RunnersSettings(named={"iris": OneRunnerSettings(), "Irs": OneRunnerSettings()})
    assert runners.names_without_runner(["IRIS", "other"]) == ("Irs",)
    assert runners.names_without_runner([]) == ("iris", "Irs")


@pytest.mark.parametrize(("section", "options"), [(BatchingSettings, BatchOptions), (ResourceSettings, ResourceQuota)])
def test_every_change_is_an_option_of_a_runner(section, options):
    assert {field.name for field in attrs.fields(section)} <= {field.name for field in attrs.fields(options)}


def test_paths_of_tls_are_absolute_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert SslSettings(certfile="server.crt", cert_reqs=2) == SslSettings(
        certfile=str(tmp_path / "server.crt"), cert_reqs="required"
    )
    assert not SslSettings().is_enabled


def test_a_password_that_is_no_text_is_refused_without_showing_it(tmp_path):
    (tmp_path / "jubako.yaml").write_text("server: {ssl: {keyfile_password: 4711}}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path / "jubako.yaml")
    assert "keyfile_password is no text" in str(caught.value)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_api_keys_that_nobody_has_filled_in_open_no_server(text):
    with pytest.raises(ConfigurationError, match=r"API_KEYS cannot be used(.|\n)*is set, and empty"):
        load_settings(environment={"JUBAKO_SERVER__API_KEYS": text})
    with pytest.raises(InvalidArgument, match="is set, and empty"):
        ServerSettings(api_keys=[text.replace(",", "")])
    assert ServerSettings(api_keys=[]).api_keys == ()


@pytest.mark.parametrize("keys", [["geheim", 5], 5, {"geheim": 1}, [["geheim"]]])
def test_api_keys_that_are_none_are_not_shown_either(keys):
    with pytest.raises(InvalidArgument, match="a setting that is secret is no list of texts") as caught:
        ServerSettings(api_keys=keys)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "origin",
    ["https://example.org", "http://localhost:8080", "https://[::1]:444", "http://a.b:443", "app://page", "*"],
)
def test_an_origin_is_taken_as_browsers_send_it(origin):
    assert CorsSettings(access_control_allow_origin=[origin]).access_control_allow_origin == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.org/",
        "https://Example.org",
        "HTTPS://example.org",
        "https://example.org:443",
        "http://example.org:80",
        "https://*.example.org",
        "https://me@example.org",
        "https://example.org\r\nx: y",
        "example.org",
        "//example.org",
        "null",
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(origin):
    with pytest.raises(InvalidArgument, match="is no origin"):
        CorsSettings(access_control_allow_origin=[origin])


@pytest.mark.parametrize("name", ["a b", "a:b", "a\r\nx", "ü"])
@pytest.mark.parametrize("key", ["allow_methods", "allow_headers", "expose_headers"])
def test_what_becomes_a_header_is_a_name(key, name):
    with pytest.raises(InvalidArgument, match=f"access_control_{key} cannot hold"):
        CorsSettings(**{f"access_control_{key}": [name]})
